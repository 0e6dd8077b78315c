"""The library: read, inspect and load PyTorch checkpoints; call a running service.

No file runs code. Each error is a StateserveError, whose text is one line. Knows no HTTP server.
"""
