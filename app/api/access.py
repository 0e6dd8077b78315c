"""Around every request: an id, a log line, a count, and an answer even to our own faults."""

import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.error_handlers import problem
from app.service import Service

logger = logging.getLogger("app.access")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
# Not a real answer: nobody was there to get one. nginx's number for it.
CLIENT_CLOSED_REQUEST = 499


class AccessMiddleware:
    """Echo or make `X-Request-ID`, log and measure, and turn a stray exception into a 500."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app = app
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope)
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                if self.service.draining:
                    headers["Connection"] = "close"
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except ClientDisconnect:
            status = CLIENT_CLOSED_REQUEST
        except Exception:
            logger.exception("unexpected error", extra={"request_id": request_id})
            if status:
                raise
            detail = f"an unexpected error; it is in the log under request id {request_id}"
            await problem(500, detail)(scope, receive, send_with_id)
        finally:
            self._record(scope, status, request_id, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, request_id: str, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in KNOWN_METHODS else "other"
        self.service.metrics.requests.labels(method, route, status).inc()
        self.service.metrics.latency.labels(method, route).observe(seconds)
        fields = {
            "request_id": request_id,
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "milliseconds": round(seconds * 1000, 3),
        }
        logger.info("request", extra=fields)


KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    # Only what is safe in a log and a header; anything else is replaced, not refused.
    return given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
