"""Inference that also records, for whatever protocol calls it."""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial

from app.compiled import FloatArray
from app.inference import Inference, Prediction
from app.log.records import Record, Rows
from app.metrics import Metrics
from app.predictor import Predictor

# Set around each request; where none is, the rows still count, but nobody knows their ids.
current_request: ContextVar[bytes] = ContextVar("request_id")
# Rows of a large request that are written at once.
SLICE_ROWS = 1000


class RecordingInference(Inference):
    """Hands what it predicted to `append`, which may be called from any thread."""

    def __init__(
        self,
        predictor: Predictor,
        metrics: Metrics,
        max_pending: int,
        append: Callable[[Record], None],
    ) -> None:
        super().__init__(predictor, metrics, max_pending)
        self._rows = Rows(predictor)
        self._append = append

    def predict(
        self, rows: FloatArray, deadline: float | None = None
    ) -> asyncio.Future[Prediction]:
        prediction = super().predict(rows, deadline)
        prediction.add_done_callback(partial(self._record_done, _request_id()))
        return prediction

    def record(self, request_id: bytes, prediction: Prediction) -> None:
        """Record what `predict_for` predicted, which does not know for whom."""
        self._append(Record(self._rows, request_id.decode(), time.time(), prediction))

    def _record_done(self, request_id: str, done: asyncio.Future[Prediction]) -> None:
        if not done.cancelled() and done.exception() is None:
            self._append(Record(self._rows, request_id, time.time(), done.result()))

    def predict_chunks(self, rows: FloatArray) -> Iterator[Prediction]:
        request_id, first = _request_id(), 0
        for prediction in super().predict_chunks(rows):
            whole, start, end = prediction
            for at in range(start, end, SLICE_ROWS):
                part = Prediction(whole, at, min(at + SLICE_ROWS, end))
                self._append(Record(self._rows, request_id, time.time(), part, first))
                first += part.end - part.start
            yield prediction


def _request_id() -> str:
    return current_request.get(b"").decode() or secrets.token_hex(12)
