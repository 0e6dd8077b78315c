"""The shortest way from a request to its answer: for the request that nearly everybody sends.

The application takes a task and messages there and back for it, which cost more than the model.
What is not ordinary, and whatever goes wrong, is left to the application, which answers the
ordinary one with the same bytes (tests/app/server/test_predict_fast_path.py).
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from app.api import Service
from app.api.middleware import PREDICTION_ID, UNRECORDED, RequestIds
from app.monitor import CLIENT_CLOSED_REQUEST, Access, AccessLog
from app.predict import (
    JSON_BYTES,
    MAX_BATCHED_ROWS,
    MAX_LOOP_BYTES,
    NOTHING_MORE,
    PredictFace,
    Prediction,
    RawHeader,
)
from app.predict.codecs import Instances
from app.server.busy_poll import BusyPoll
from app.server.http_answer import Exchange
from stateserve.errors import StateserveError

logger = logging.getLogger("app.access")
PATH = PredictFace.path
URL = PATH.encode()
PassOn = Callable[[Exchange], None]


class Express:
    """`POST /predict` of the default model, from a connection's Exchange and back to it."""

    def __init__(self, service: Service, log: AccessLog, request_ids: RequestIds) -> None:
        self._service = service
        self._model = service.registry.repository.default
        self._logged = service.log is not None
        self._log = log
        self._request_ids = request_ids
        self._busy_poll = BusyPoll()
        self._most_bytes = min(MAX_LOOP_BYTES, service.settings.max_body_bytes)

    def takes(self, url: bytes, headers: Iterable[RawHeader]) -> bool:
        """Whether a POST with these headers is an ordinary one, whose body will be short."""
        if url != URL:
            return False
        given = dict(headers)
        length = given.get(b"content-length", b"")
        if not length or int(length) > self._most_bytes or UNRECORDED[0] in given:
            return False
        return PredictFace.is_ordinary(given)

    def answer(self, exchange: Exchange, started: float, pass_on: PassOn) -> None:
        """Answer an exchange whose body is there; `pass_on` gets it where that cannot be."""
        try:
            face = self._service.registry.current(self._model)
            instances = face.json.decode(exchange.body)
            if len(instances.rows) > MAX_BATCHED_ROWS:
                pass_on(exchange)
                return
            ids = self._request_ids
            request_id = ids.of(exchange.scope["headers"])
            prediction_id = ids.make() if self._logged else b""
            waiter = _Waiter(
                exchange, face, instances, request_id, prediction_id, started, self, pass_on
            )
            face.inference.predict_for(waiter, instances.rows)
        except Exception as error:
            _leave(exchange, pass_on, error)

    def finish(self, waiter: "_Waiter", prediction: Prediction) -> None:
        """Answer with what was predicted."""
        exchange, request_id = waiter.exchange, waiter.request_id
        status = CLIENT_CLOSED_REQUEST
        if not exchange.disconnected:
            content = waiter.face.json.encode([prediction], waiter.instances, NOTHING_MORE)
            status = 200
            if self._service.draining and "followed" not in exchange.scope:
                exchange.keep_alive = False
            headers = [
                (b"content-length", b"%d" % len(content)),
                (b"content-type", JSON_BYTES),
                (b"x-request-id", request_id),
            ]
            if waiter.prediction_id:
                headers.append((PREDICTION_ID, waiter.prediction_id))
            exchange.answer(status, headers, content)
            waiter.face.inference.answered(waiter, prediction)
        ended = time.perf_counter()
        if not self._service.large.running:
            # Else it would take from them.
            self._busy_poll.after(waiter.started, ended)
        seconds = ended - waiter.started
        self._log.append(Access(request_id, "POST", PATH, PATH, status, seconds))


@dataclass(slots=True, eq=False)
class _Waiter:
    """In a future's place: what it is told goes straight to the connection."""

    exchange: Exchange
    face: Any
    instances: Instances
    request_id: bytes
    prediction_id: bytes
    started: float
    lane: Express
    pass_on: PassOn

    def done(self) -> bool:
        return False

    def set_result(self, prediction: Prediction) -> None:
        try:
            self.lane.finish(self, prediction)
        except Exception as error:
            # Caught, for the others of its batch are still to be told.
            _leave(self.exchange, self.pass_on, error)

    def set_exception(self, error: BaseException) -> None:
        _leave(self.exchange, self.pass_on, error)


def _leave(exchange: Exchange, pass_on: PassOn, error: BaseException) -> None:
    """Leave an exchange to the application, which fails at the same and says so."""
    if not isinstance(error, StateserveError):
        logger.error("the short way failed", exc_info=error)
    if not exchange.response_started:
        pass_on(exchange)
