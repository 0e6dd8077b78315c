"""Serve, inspect and explain a small PyTorch classifier over HTTP."""

# Here, and not in the distribution: the container holds the files of app/ alone.
__version__ = "0.1.0"
