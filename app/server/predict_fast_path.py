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
from app.api.endpoints import PATH, is_ordinary
from app.api.middleware import PREDICTION_ID, UNRECORDED, RequestIds, TrustedHosts
from app.errors import DeadlineExceeded, Overloaded
from app.monitor import CLIENT_CLOSED_REQUEST, Access, AccessLog
from app.predict import (
    DEFAULT_OPTIONS,
    IN_SCOPE,
    MAX_BATCHED_ROWS,
    MAX_LOOP_BYTES,
    REQUEST_ID,
    Deadline,
    Endpoint,
    Headers,
    Prediction,
    TabularEndpoint,
)
from app.predict import HEADER as TIMEOUT
from app.predict.codecs import TableRows
from app.server.http_answer import Exchange, header_lines
from stateserve.errors import StateserveError

logger = logging.getLogger("app.access")
HEADERS = b"content-length: %d\r\ncontent-type: application/json\r\nx-request-id: %b\r\n"
OVERLOAD = (Overloaded, DeadlineExceeded)
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
        self._most_bytes = min(MAX_LOOP_BYTES, settings.max_body_bytes)
        # The requests of this tick with a deadline.
        self._waiting: list[tuple[FastRequest, Deadline]] = []

    def begin(self, exchange: Exchange) -> "FastRequest | None":
        """A request of this path for a POST to `url`, or None if the application must answer."""
        started = time.perf_counter()
        scope: Any = exchange.scope
        headers: Headers = dict(scope["headers"])
        # A repeated header is not ordinary: two checks could read different values.
        if len(headers) != len(scope["headers"]) or not self._is_ordinary(headers):
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
        return FastRequest(self, exchange, headers, started, deadline)

    def answer(self, request: "FastRequest", hand_on: HandOn) -> None:
        """Answer a request whose body is complete; `hand_on` gets the exchange if this fails."""
        request.hand_on = hand_on
        try:
            headers, ids = request.headers, self._request_ids
            given = headers.get(REQUEST_ID)
            request.request_id = ids.make() if given is None else ids.of(headers.items())
            endpoint = self.service.registry.current(self._model)
            model = endpoint.choose(given or request.request_id)
            if not isinstance(model, TabularEndpoint):
                request.leave()
                return
            instances = model.json.decode(request.exchange.body)
            if len(instances.rows) > MAX_BATCHED_ROWS:
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

    def _is_ordinary(self, headers: Headers) -> bool:
        length = headers.get(b"content-length")
        return (
            length is not None
            and int(length) <= self._most_bytes
            and is_ordinary(headers)
            and UNRECORDED[0] not in headers
        )

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
        "model",
        "prediction_id",
        "request_id",
        "started",
    )
    endpoint: Endpoint
    model: TabularEndpoint
    hand_on: HandOn
    instances: TableRows
    request_id: bytes

    def __init__(
        self,
        express: Express,
        exchange: Exchange,
        headers: Headers,
        started: float,
        deadline: Deadline | None,
    ) -> None:
        self.express = express
        self.exchange = exchange
        self.headers = headers
        self.started = started
        self.deadline = deadline
        self.prediction_id = b""
        self.ended = False
        self._timer: asyncio.TimerHandle | None = None

    def done(self) -> bool:
        return self.ended

    def set_result(self, prediction: Prediction) -> None:
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

    def _finish(self, prediction: Prediction) -> None:
        if self.deadline is not None:
            self.deadline.require()
        self._end()
        exchange, status = self.exchange, CLIENT_CLOSED_REQUEST
        if not exchange.disconnected:
            status = 200
            content = self.model.json.encode([prediction], self.instances, DEFAULT_OPTIONS)
            headers = HEADERS % (len(content), self.request_id)
            if self.prediction_id:
                headers += b"%b: %b\r\n" % (PREDICTION_ID, self.prediction_id)
            self._send(status, headers, content)
            self.model.pipeline.answered(self, prediction)
        self._log(status, time.perf_counter() - self.started)

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
