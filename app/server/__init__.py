"""Sockets, processes and signals: uvicorn with limits, deadlines, workers and a clean end.

Accepted requests are answered before the process ends. Knows no model.
"""

from typing import TYPE_CHECKING

from stateserve.lazy import lazy_exports

if TYPE_CHECKING:
    from app.server.freed_memory import keep_freed_memory as keep_freed_memory
    from app.server.server import Server as Server
    from app.server.supervisor import serve_with_workers as serve_with_workers

__getattr__ = lazy_exports(
    __name__,
    {
        "freed_memory": ("keep_freed_memory",),
        "server": ("Server",),
        "supervisor": ("serve_with_workers",),
    },
)
