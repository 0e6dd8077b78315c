"""The library: read, inspect and load PyTorch checkpoints; call a running service.

No file runs code. Each error is a StateserveError, whose text is one line. Knows no HTTP server.
"""

from typing import TYPE_CHECKING

from stateserve.lazy import lazy_exports

if TYPE_CHECKING:
    from stateserve.model import load_model as load_model

__getattr__ = lazy_exports(__name__, {"model": ("load_model",)})
