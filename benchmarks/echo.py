"""The unit of every ratio: a bare ASGI application that returns the request's body.

No framework, no parsing, no model: the cost of a request in uvicorn (uvloop, httptools) itself.
"""

import sys
from typing import Any

# The service's own event loop and parser; no log line per request.
SETTINGS = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def command(port: int) -> list[str]:
    """How to start it."""
    target = "benchmarks.echo:app"
    return [sys.executable, "-m", "uvicorn", target, *SETTINGS, "--port", str(port)]
