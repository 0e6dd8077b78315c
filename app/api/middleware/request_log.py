"""Wraps every request of the application: request id, access log, and a 500 for exceptions."""

import asyncio
import time
from collections import ChainMap
from collections.abc import Iterable

from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from app.api.declared_path import declared_path
from app.api.middleware.request_id import RequestIds
from app.api.problems import served_path, service_error, unexpected_error
from app.api.service import Service
from app.errors import NotReady
from app.monitor import CLIENT_CLOSED_REQUEST, Access, AccessLog
from app.predict import HEAD, PendingAnswer, RawHeader, current_answer

BAD_REQUEST = 400
CLOSE = (b"connection", b"close")
# With this header the prediction log has no record: the page's map alone sends 16,384 rows at a
# time, which are no real inputs.
UNRECORDED = (b"x-prediction-log", b"off")
PREDICTION_ID = b"x-prediction-id"
DRAINED = "the service stops, and this request took longer than its drain; try again"


class AccessMiddleware:
    """Sets `X-Request-ID`, logs and measures, and answers an unexpected error with 500.

    It wraps FastAPI's own middleware, and so records FastAPI's own answers too.
    """

    def __init__(self, app: FastAPI, service: Service, log: AccessLog) -> None:
        self._fastapi = app
        self.app = app.build_middleware_stack()
        self._service = service
        self.log = log
        self.request_ids = RequestIds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            # The lifespan, which runs in each serving process, after all forks.
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
            # Answered as GET; the server omits the body (RFC 9110, 9.3.2).
            scope = ChainMap({"method": "GET", HEAD: True}, scope)
        pending = self._pending(scope)
        # The status of an answer that is interrupted by an exception.
        status = 500
        try:
            status = await self._pass_on(pending, scope, receive, send)
        finally:
            route, seconds = declared_path(scope), time.perf_counter() - started
            self.log.append(Access(pending.request_id, method, path, route, status, seconds))

    def _pending(self, scope: Scope) -> PendingAnswer:
        headers, ids = scope["headers"], self.request_ids
        logged = self._service.log is not None and UNRECORDED not in headers
        pending = PendingAnswer(ids.of(headers), ids.make() if logged else b"")
        current_answer.set(pending)
        return pending

    def _with_common(
        self, headers: Iterable[RawHeader], pending: PendingAnswer, status: int, scope: Scope
    ) -> list[RawHeader]:
        """The headers of an answer, with those common to all answers."""
        whole = [*headers, (b"x-request-id", pending.request_id)]
        if pending.prediction_id and pending.held and status < BAD_REQUEST:
            whole.append((PREDICTION_ID, pending.prediction_id))
        if self._service.draining and CLOSE not in whole and "followed" not in scope:
            whole.append(CLOSE)
        return whole

    async def _pass_on(
        self, pending: PendingAnswer, scope: Scope, receive: Receive, send: Send
    ) -> int:
        status, complete = 0, False

        async def send_with_id(message: Message) -> None:
            nonlocal status, complete
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message.get("headers", ())
                message["headers"] = self._with_common(headers, pending, status, scope)
            else:
                complete = not message.get("more_body", False)
                if complete and status < BAD_REQUEST and not _has_left(receive):
                    pending.count()
            await send(message)

        request_id = scope["request_id"] = pending.request_id
        scope["app"] = self._fastapi
        # FastAPI parses the cookies of each request, in quadratic time.
        scope["headers"] = [header for header in scope["headers"] if header[0] != b"cookie"]
        try:
            await self.app(scope, receive, send_with_id)
        except ClientDisconnect:
            status = _left(scope)
        except asyncio.CancelledError:
            # The server cancels the requests that are not answered when its drain ends.
            if status or not self._service.draining:
                raise
            response = service_error(served_path(scope), NotReady(DRAINED))
            await response(scope, receive, send_with_id)
        except Exception as error:
            if not status:
                response = unexpected_error(served_path(scope), error, request_id.decode())
                await response(scope, receive, send_with_id)
            elif not complete:
                # The server closes the connection: a partial answer must not look complete.
                raise
        return status


def _left(scope: Scope) -> int:
    """The status of a request that did not arrive whole; the server may have refused it."""
    status: int = scope.get("answered", CLIENT_CLOSED_REQUEST)
    return status


def _has_left(receive: Receive) -> bool:
    """Whether the client has disconnected, as far as the server knows (http_answer.Exchange)."""
    try:
        left: bool = receive.__self__.disconnected  # type: ignore[attr-defined]
    except AttributeError:
        return False
    return left
