"""Around every request: an id, a log line, a count, and an answer even to our own faults."""

import itertools
import logging
import re
import secrets
import time

from prometheus_client import Counter, Histogram
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.access_log import AccessLog, Record
from app.api.error_handlers import problem
from app.service import Service

logger = logging.getLogger("app.access")
REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
# Not a real answer: nobody was there to get one. nginx's number for it.
CLIENT_CLOSED_REQUEST = 499
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class AccessMiddleware:
    """Echo or make `X-Request-ID`, log and measure, and turn a stray exception into a 500.

    `fast` maps paths to ASGI applications that answer POST without a query; such requests
    pass by FastAPI's router, whose layers cost more than the model.
    """

    def __init__(self, app: ASGIApp, service: Service, fast: dict[str, ASGIApp]) -> None:
        self.app = app
        self.service = service
        self._fast = fast
        self._log = AccessLog()
        self._prefix = secrets.token_hex(12).encode()
        self._count = itertools.count()
        self._measures: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = self._request_id(scope)
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", ()), (b"x-request-id", request_id)]
                if self.service.draining and (b"connection", b"close") not in headers:
                    headers.append((b"connection", b"close"))
                message["headers"] = headers
            await send(message)

        app = self._route(scope)
        try:
            await app(scope, receive, send_with_id)
        except ClientDisconnect:
            status = CLIENT_CLOSED_REQUEST
        except Exception:
            text = request_id.decode()
            logger.exception("unexpected error", extra={"request_id": text})
            if status:
                raise
            detail = f"an unexpected error; it is in the log under request id {text}"
            await problem(500, detail)(scope, receive, send_with_id)
        finally:
            self._record(scope, status, request_id, time.perf_counter() - started)

    def _route(self, scope: Scope) -> ASGIApp:
        fast = self._fast.get(scope["path"])
        if fast is None or scope["method"] != "POST" or scope["query_string"]:
            return self.app
        scope["route"] = fast
        return fast

    def _request_id(self, scope: Scope) -> bytes:
        for name, value in scope["headers"]:
            # Only what is safe in a log and a header; anything else is replaced, not refused.
            if name == b"x-request-id" and REQUEST_ID.fullmatch(value):
                return value  # type: ignore[no-any-return]
        # Unique, not secret: a random start for each process, and a count.
        return b"%b%08x" % (self._prefix, next(self._count))

    def _record(self, scope: Scope, status: int, request_id: bytes, seconds: float) -> None:
        method = scope["method"] if scope["method"] in KNOWN_METHODS else "other"
        key = (method, getattr(scope.get("route"), "path", "unmatched"), status)
        if key not in self._measures:
            metrics = self.service.metrics
            self._measures[key] = metrics.requests.labels(*key), metrics.latency.labels(*key[:2])
        requests, latency = self._measures[key]
        requests.inc()
        latency.observe(seconds)
        milliseconds = round(seconds * 1000, 3)
        self._log.write(
            Record(request_id.decode(), scope["method"], scope["path"], status, milliseconds)
        )
