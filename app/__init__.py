"""Serve, inspect and explain a small PyTorch classifier over HTTP."""
