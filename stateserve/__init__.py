"""The library: read, inspect and load PyTorch checkpoints; call a running service.

Code of a model runs only where the caller allows it. Each error is a StateserveError, whose text
is one line. Knows no HTTP server.
"""

from typing import TYPE_CHECKING

from stateserve.lazy import lazy_exports

if TYPE_CHECKING:
    from stateserve.client import AsyncClient as AsyncClient
    from stateserve.client import Client as Client
    from stateserve.model import LoadOptions as LoadOptions
    from stateserve.model import load_model as load_model
    from stateserve.model import save_model as save_model

__getattr__ = lazy_exports(
    __name__,
    {"client": ("AsyncClient", "Client"), "model": ("LoadOptions", "load_model", "save_model")},
)
