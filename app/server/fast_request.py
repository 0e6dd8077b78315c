"""One request on the fast path: a waiter of the batcher that encodes, sends and logs its answer."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from app.api import Service, service_error
from app.api.endpoints import PATH, answer_headers
from app.api.middleware import PREDICTION_ID
from app.errors import DeadlineExceeded, Overloaded
from app.monitor import CLIENT_CLOSED_REQUEST, Access, AccessLog
from app.predict import (
    DEFAULT_OPTIONS,
    JSON,
    REQUEST_ID,
    AnyEndpoint,
    Deadline,
    Endpoint,
    Headers,
    Instances,
    Prediction,
    TensorPrediction,
)
from app.server.http_answer import Exchange, header_lines
from stateserve.errors import StateserveError

logger = logging.getLogger("app.access")
LENGTH_AND_ID = b"content-length: %d\r\nx-request-id: %b\r\n"
HEADERS = LENGTH_AND_ID + b"content-type: application/json\r\n"
OVERLOAD = (Overloaded, DeadlineExceeded)
HandOn = Callable[[Exchange], None]


class FastRequest:
    """One request on the fast path; a Waiter of the batcher."""

    __slots__ = (
        "_timer",
        "deadline",
        "ended",
        "endpoint",
        "exchange",
        "hand_on",
        "headers",
        "instances",
        "log",
        "media_type",
        "model",
        "prediction_id",
        "request_id",
        "service",
        "started",
    )
    endpoint: Endpoint
    model: AnyEndpoint
    hand_on: HandOn
    instances: Instances[Any]
    request_id: bytes

    def __init__(
        self,
        service: Service,
        log: AccessLog,
        exchange: Exchange,
        headers: Headers,
        media_type: str,
        started: float,
        deadline: Deadline | None,
    ) -> None:
        self.service = service
        self.log = log
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
        if self.service.draining and "followed" not in exchange.scope:
            exchange.keep_alive = False
        exchange.answer(status, headers, content)

    def _log(self, status: int, seconds: float) -> None:
        if self.endpoint is not self.model and status != CLIENT_CLOSED_REQUEST:
            self.endpoint.count(self.model, status, seconds)
        self.log.append(Access(self.request_id, "POST", PATH, PATH, status, seconds))
