"""The unit of every ratio: a bare ASGI application that sends back the body it was sent.

No framework, no parsing, no model: what uvicorn (uvloop, httptools) itself costs a request.
"""

import sys
from typing import Any

# The event loop and parser that the service itself runs on; no log line per request.
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
