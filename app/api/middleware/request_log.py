"""Around every request of the application: an id, a log line, and an answer to any fault."""

import logging
import time
from collections import ChainMap
from collections.abc import Iterable

from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from app.api.middleware.request_id import RequestIds
from app.api.problems import served_path, unexpected_error
from app.api.service import Service
from app.monitor import CLIENT_CLOSED_REQUEST, UNMATCHED, Access, AccessLog
from app.predict import HEAD, RawHeader, Tally, current_tally

logger = logging.getLogger("app.access")
BAD_REQUEST = 400
CLOSE = (b"connection", b"close")
# With it nothing is logged: the map of the page alone asks 16,384 rows at a time, which nobody
# measured.
UNRECORDED = (b"x-prediction-log", b"off")
PREDICTION_ID = b"x-prediction-id"


class AccessMiddleware:
    """Echoes or makes `X-Request-ID`, logs and measures, and answers an unexpected error with 500.

    It stands around FastAPI's own middleware, and so sees what FastAPI itself answers.
    """

    def __init__(
        self,
        app: FastAPI,
        service: Service,
        log: AccessLog | None = None,
    ) -> None:
        self._fastapi = app
        self.app = app.build_middleware_stack()
        self._service = service
        self.log = log or AccessLog(service.metrics)
        self.request_ids = RequestIds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            # The lifespan: it opens in each process that serves, after all forks.
            self.request_ids.start_anew()
            scope["app"] = self._fastapi
            try:
                await self.app(scope, receive, send)
            finally:
                self.log.flush()
            return
        started = time.perf_counter()
        method, path = scope["method"], served_path(scope)
        if method == "HEAD":
            # Answered as GET; the server sends no body of it (RFC 9110, 9.3.2).
            scope = ChainMap({"method": "GET", HEAD: True}, scope)
        tally = self._tally(scope)
        # Of an answer that breaks off.
        status = 500
        try:
            status = await self._pass_on(tally, scope, receive, send)
        finally:
            route, seconds = _declared_path(scope), time.perf_counter() - started
            self.log.append(Access(tally.request_id, method, path, route, status, seconds))

    def _tally(self, scope: Scope) -> Tally:
        headers, ids = scope["headers"], self.request_ids
        logged = self._service.log is not None and UNRECORDED not in headers
        tally = Tally(ids.of(headers), ids.make() if logged else b"")
        current_tally.set(tally)
        return tally

    def _with_common(
        self, headers: Iterable[RawHeader], tally: Tally, status: int, scope: Scope
    ) -> list[RawHeader]:
        """The headers of an answer, and those that every answer has."""
        whole = [*headers, (b"x-request-id", tally.request_id)]
        if tally.prediction_id and tally.held and status < BAD_REQUEST:
            whole.append((PREDICTION_ID, tally.prediction_id))
        if self._service.draining and CLOSE not in whole and "followed" not in scope:
            whole.append(CLOSE)
        return whole

    async def _pass_on(self, tally: Tally, scope: Scope, receive: Receive, send: Send) -> int:
        status, complete = 0, False

        async def send_with_id(message: Message) -> None:
            nonlocal status, complete
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.get("headers", ())
                message["headers"] = self._with_common(headers, tally, status, scope)
            else:
                complete = not message.get("more_body", False)
                if complete and status < BAD_REQUEST and not _has_left(receive):
                    tally.count()
            await send(message)

        request_id = scope["request_id"] = tally.request_id
        scope["app"] = self._fastapi
        # FastAPI has each request's cookies read, in time that grows with their square.
        scope["headers"] = [header for header in scope["headers"] if header[0] != b"cookie"]
        try:
            await self.app(scope, receive, send_with_id)
        except ClientDisconnect:
            status = _left(scope)
        except Exception:
            if not status:
                text = request_id.decode()
                logger.exception("unexpected error", extra={"request_id": text})
                response = unexpected_error(served_path(scope), text)
                await response(scope, receive, send_with_id)
            elif not complete:
                # The server closes the connection: half an answer must not pass for a whole one.
                raise
        return status


def _declared_path(scope: Scope) -> str:
    # An included route does not know its router's prefix; FastAPI does, once it has matched.
    matched = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    path: str = getattr(matched, "path", UNMATCHED)
    return path


def _left(scope: Scope) -> int:
    """The status of a request whose rest never came; the server may have refused it itself."""
    status: int = scope.get("answered", CLIENT_CLOSED_REQUEST)
    return status


def _has_left(receive: Receive) -> bool:
    """Whether the caller is gone, as far as the server knows (app.server.http_answer.Exchange)."""
    try:
        left: bool = receive.__self__.disconnected  # type: ignore[attr-defined]
    except AttributeError:
        return False
    return left
