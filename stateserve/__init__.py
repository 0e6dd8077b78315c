"""The library: PyTorch checkpoints read, looked into, loaded and asked, without running code.

Promises: no file runs code; each error is one line, a StateserveError. Knows no HTTP server.
"""
