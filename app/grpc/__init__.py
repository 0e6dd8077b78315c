"""The Open Inference Protocol over gRPC, on the event loop of the HTTP server.

Calls the same endpoints as HTTP does. Needs `pip install '.[grpc]'`.
"""

from typing import TYPE_CHECKING

from stateserve.lazy import lazy_exports

if TYPE_CHECKING:
    from app.grpc.server import RpcServer as RpcServer

__getattr__ = lazy_exports(__name__, {"server": ("RpcServer",)})
