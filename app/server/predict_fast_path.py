"""The fast path: from the HTTP parser to the batcher and back, without an ASGI task.

The task, the messages and the router of the application cost more than the model. This path
checks host, key, rate and deadline itself. It hands unusual requests and errors to the
application, so that each error is written in one place. Overload is the exception: a shed
request must cost less than an answered one.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from app.api import Service, service_error
from app.api.auth import Guard
from app.api.endpoints import PATH, answer_headers, ordinary_type
from app.api.middleware import PREDICTION_ID, UNRECORDED, RequestIds, TrustedHosts
from app.errors import DeadlineExceeded, Overloaded
from app.monitor import CLIENT_CLOSED_REQUEST, Access, AccessLog
from app.predict import (
    DEFAULT_OPTIONS,
    IN_SCOPE,
    JSON,
    MAX_LOOP_BYTES,
    NPY,
    REQUEST_ID,
    AnyEndpoint,
    Deadline,
    Endpoint,
    Headers,
    Instances,
    Prediction,
    TensorPrediction,
)
from app.predict import HEADER as TIMEOUT
from app.server.http_answer import Exchange, header_lines
from stateserve.errors import StateserveError

logger = logging.getLogger("app.access")
LENGTH = b"content-length"
LENGTH_AND_ID = b"content-length: %d\r\nx-request-id: %b\r\n"
HEADERS = LENGTH_AND_ID + b"content-type: application/json\r\n"
OVERLOAD = (Overloaded, DeadlineExceeded)
# Beyond it uvicorn stops reading until the application asks for more.
MAX_NPY_BYTES = 64 * 1024
HandOn = Callable[[Exchange], None]


class Express:
    """Answers `POST /predict` of the default model, on a connection's Exchange."""

    url = PATH.encode()

    def __init__(
        self,
        service: Service,
        hosts: TrustedHosts,
        guard: Guard,
        log: AccessLog,
        request_ids: RequestIds,
    ) -> None:
        settings = service.settings
        self.service = service
        self.log = log
        self._hosts = hosts
        self._guard = guard
        self._scope = guard.needs(PATH)
        self._timeout = settings.request_timeout_seconds
        self._model = service.registry.repository.default
        self._logged = service.log is not None
        self._request_ids = request_ids
        self._most_bytes = {
            media_type: min(most, settings.max_body_bytes)
            for media_type, most in ((JSON, MAX_LOOP_BYTES), (NPY, MAX_NPY_BYTES))
        }
        # The requests of this tick with a deadline.
        self._waiting: list[tuple[FastRequest, Deadline]] = []

    def begin(self, exchange: Exchange) -> "FastRequest | None":
        """A request of this path for a POST to `url`, or None if the application must answer."""
        started = time.perf_counter()
        scope: Any = exchange.scope
        headers: Headers = dict(scope["headers"])
        media_type = self._media_type(headers)
        # A repeated header is not ordinary: two checks could read different values.
        if media_type is None or len(headers) != len(scope["headers"]):
            return None
        deadline = None
        try:
            self._hosts.require(headers.get(b"host", b""))
            if self._timeout or TIMEOUT in headers:
                deadline = Deadline.of(headers, self._timeout)
                scope[IN_SCOPE] = deadline
            # The last check: it counts the request.
            self._guard.admit(scope, headers, self._scope)
        except StateserveError:
            return None
        return FastRequest(self, exchange, headers, media_type, started, deadline)

    def answer(self, request: "FastRequest", hand_on: HandOn) -> None:
        """Answer a request whose body is complete; `hand_on` gets the exchange if this fails."""
        request.hand_on = hand_on
        try:
            headers, ids = request.headers, self._request_ids
            given = headers.get(REQUEST_ID)
            request.request_id = ids.make() if given is None else ids.of(headers.items())
            endpoint = self.service.registry.current(self._model)
            model = endpoint.choose(given or request.request_id)
            if request.media_type == JSON:
                instances: Instances[Any] = model.json.decode(request.exchange.body)
            elif request.media_type not in model.echoed_types:
                request.leave()
                return
            else:
                # A copy: the arrays are views of it, and the connection clears its own.
                body = bytes(request.exchange.body)
                instances = model.format(request.media_type).decode(body)
            if not model.fits(instances.rows):
                request.leave()
                return
            request.endpoint, request.model, request.instances = endpoint, model, instances
            if self._logged:
                request.prediction_id = self._request_ids.make()
            deadline = request.deadline
            if deadline is None:
                model.pipeline.predict_for(request, instances.rows)
                return
            model.pipeline.predict_for(request, instances.rows, deadline.at)
            if not request.ended:
                self._watch(request, deadline)
        except Exception as error:
            request.leave(error)

    def _media_type(self, headers: Headers) -> str | None:
        media_type = ordinary_type(headers)
        if media_type is None or LENGTH not in headers or UNRECORDED[0] in headers:
            return None
        return media_type if int(headers[LENGTH]) <= self._most_bytes[media_type] else None

    def _watch(self, request: "FastRequest", deadline: Deadline) -> None:
        if not self._waiting:
            # After this tick, when the batcher has answered most of them.
            asyncio.get_running_loop().call_soon(self._set_timers)
        self._waiting.append((request, deadline))

    def _set_timers(self) -> None:
        waiting, self._waiting = self._waiting, []
        for request, deadline in waiting:
            if not request.ended:
                request.leave_at(deadline)


class FastRequest:
    """One request on the fast path; a Waiter of the batcher."""

    __slots__ = (
        "_timer",
        "deadline",
        "ended",
        "endpoint",
        "exchange",
        "express",
        "hand_on",
        "headers",
        "instances",
        "media_type",
        "model",
        "prediction_id",
        "request_id",
        "started",
    )
    endpoint: Endpoint
    model: AnyEndpoint
    hand_on: HandOn
    instances: Instances[Any]
    request_id: bytes

    def __init__(
        self,
        express: Express,
        exchange: Exchange,
        headers: Headers,
        media_type: str,
        started: float,
        deadline: Deadline | None,
    ) -> None:
        self.express = express
        self.exchange = exchange
        self.headers = headers
        self.media_type = media_type
        self.started = started
        self.deadline = deadline
        self.prediction_id = b""
        self.ended = False
        self._timer: asyncio.TimerHandle | None = None

    def done(self) -> bool:
        return self.ended

    def set_result(self, prediction: Prediction | TensorPrediction) -> None:
        try:
            self._finish(prediction)
        except Exception as error:
            # Caught: the other requests of the batch wait for their answers.
            self.leave(error)

    def set_exception(self, error: BaseException) -> None:
        self.leave(error)

    def leave(self, error: BaseException | None = None) -> None:
        """Hand the exchange to the application, which finds the same error and answers it."""
        self._end()
        exchange = self.exchange
        if isinstance(error, OVERLOAD) and not (exchange.disconnected or exchange.response_started):
            self._shed(error)
            return
        if error is not None and not isinstance(error, StateserveError):
            logger.error("the fast path failed", exc_info=error)
        if not exchange.response_started:
            if not self.headers.get(REQUEST_ID):
                # The application chooses the same version by this id, if there is a rollout.
                scope: Any = exchange.scope
                scope["headers"].append((REQUEST_ID, self.request_id))
            self.hand_on(exchange)

    def leave_at(self, deadline: Deadline) -> None:
        """Leave at the deadline: the model runs in a thread, and may take longer."""
        seconds = deadline.at - time.monotonic()
        error = DeadlineExceeded()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.leave, error)

    def _end(self) -> None:
        self.ended = True
        if self._timer is not None:
            self._timer.cancel()

    def _finish(self, prediction: Any) -> None:
        if self.deadline is not None:
            self.deadline.require()
        self._end()
        exchange, status = self.exchange, CLIENT_CLOSED_REQUEST
        if not exchange.disconnected:
            status = 200
            if self.media_type == JSON:
                content = self.model.json.encode([prediction], self.instances, DEFAULT_OPTIONS)
                headers = HEADERS % (len(content), self.request_id)
            else:
                content, headers = self._encode(prediction)
            if self.prediction_id:
                headers += b"%b: %b\r\n" % (PREDICTION_ID, self.prediction_id)
            self._send(status, headers, content)
            self.model.pipeline.answered(self, prediction)
        self._log(status, time.perf_counter() - self.started)

    def _encode(self, prediction: Any) -> tuple[bytes | memoryview, bytes]:
        """The body of an answer that is not JSON, and its header lines."""
        model, media_type = self.model, self.media_type
        content = model.format(media_type).encode([prediction], self.instances, DEFAULT_OPTIONS)
        lines = header_lines(answer_headers(model, media_type, prediction.rows_outside()))
        return content, LENGTH_AND_ID % (len(content), self.request_id) + lines

    def _shed(self, error: Overloaded | DeadlineExceeded) -> None:
        response = service_error(PATH, error)
        headers = [*response.raw_headers, (REQUEST_ID, self.request_id)]
        self._send(response.status_code, header_lines(headers), bytes(response.body))
        seconds = time.perf_counter() - self.started
        self.model.pipeline.failed(error, seconds)
        self._log(response.status_code, seconds)

    def _send(self, status: int, headers: bytes, content: bytes | memoryview) -> None:
        exchange = self.exchange
        if self.express.service.draining and "followed" not in exchange.scope:
            exchange.keep_alive = False
        exchange.answer(status, headers, content)

    def _log(self, status: int, seconds: float) -> None:
        if self.endpoint is not self.model and status != CLIENT_CLOSED_REQUEST:
            self.endpoint.count(self.model, status, seconds)
        self.express.log.append(Access(self.request_id, "POST", PATH, PATH, status, seconds))
