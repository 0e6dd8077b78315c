"""Inference that also records, for whatever protocol calls it."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial

from app.compiled import FloatArray
from app.inference import Execution, Inference, Prediction, then
from app.log.records import Record, Rows
from app.metrics import Metrics
from app.predictor import Predictor

# Whoever serves requests sets it before it predicts; else nobody knows the rows' ids.
# None: whoever asks only tries something out, and it shall not be taken for use.
current_request: ContextVar[bytes | None] = ContextVar("current_request", default=b"")
# Rows of a large request that are written at once.
SLICE_ROWS = 1000


class RecordingInference(Inference):
    """Hands what it predicted to `append`, which may be called from any thread."""

    def __init__(
        self,
        predictor: Predictor,
        metrics: Metrics,
        max_pending: int,
        execution: Execution,
        append: Callable[[Record], None],
    ) -> None:
        super().__init__(predictor, metrics, max_pending, execution)
        self._rows = Rows(predictor)
        self._append = append

    def predict(
        self, rows: FloatArray, deadline: float | None = None
    ) -> asyncio.Future[Prediction]:
        prediction, request_id = super().predict(rows, deadline), current_request.get()
        if request_id is not None:
            then(prediction, partial(self.record, request_id))
        return prediction

    def predict_chunks(self, rows: FloatArray) -> Iterator[Prediction]:
        predictions, request_id = super().predict_chunks(rows), current_request.get()
        return predictions if request_id is None else self._record_each(request_id, predictions)

    def _record_each(
        self, request_id: bytes, predictions: Iterator[Prediction]
    ) -> Iterator[Prediction]:
        first = 0
        for prediction in predictions:
            whole, start, end = prediction
            arrays = (whole.rows, whole.probabilities, whole.indices)
            for at in range(start, end, SLICE_ROWS):
                stop = min(at + SLICE_ROWS, end)
                self._append(Record(self._rows, request_id, time.time(), *arrays, at, stop, first))
                first += stop - at
            yield prediction

    def record(self, request_id: bytes, prediction: Prediction) -> None:
        """Record what `predict_for` predicted, which does not know for whom it did."""
        whole, start, end = prediction
        arrays = (whole.rows, whole.probabilities, whole.indices)
        self._append(Record(self._rows, request_id, time.time(), *arrays, start, end))
