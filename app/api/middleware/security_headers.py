"""Security headers for browsers, and CORS."""

from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class BrowserHeaders:
    """Sets HEADERS on answers to GET and HEAD, unless the endpoint has set them.

    A page can load or frame only these answers; a POST's answer needs no such headers.
    `private` means that no shared cache may store an answer, except files of the page.
    """

    def __init__(self, app: ASGIApp, *, private: bool) -> None:
        self.app = app
        self._private = private

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if self._private and "immutable" not in headers.get("Cache-Control", ""):
                    headers["Cache-Control"] = "private, no-cache"
            await send(message)

        loads = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        await self.app(scope, receive, send_with_headers if loads else send)


def allow_origins(app: ASGIApp, origins: tuple[str, ...]) -> ASGIApp:
    """`app` with CORS for pages of `origins`, or `app` itself if there are none."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=[
            "Authorization",
            "If-None-Match",
            "Inference-Header-Content-Length",
            "X-Prediction-Log",
            "X-Request-ID",
            "X-Request-Timeout",
        ],
        expose_headers=[
            "ETag",
            "Inference-Header-Content-Length",
            "RateLimit",
            "RateLimit-Policy",
            "Retry-After",
            "X-Model-Name",
            "X-Model-State-Sha256",
            "X-Model-Version",
            "X-Out-Of-Range-Rows",
            "X-Prediction-ID",
            "X-Request-ID",
        ],
    )
