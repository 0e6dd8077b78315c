"""Inference that also records, for whatever protocol calls it."""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial

from app.compiled import FloatArray
from app.inference import Execution, ForwardPass, Inference, Prediction, then
from app.log.records import Record, Rows, row_ids
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
        # In this tick.
        self._told: list[tuple[bytes, Prediction]] = []

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
        request_id, first = request_id or _unknown(), 0
        for prediction in predictions:
            whole, start, end = prediction
            for at in range(start, end, SLICE_ROWS):
                ids = row_ids(request_id, min(SLICE_ROWS, end - at), first)
                self._append(self._record_of(whole, at, ids))
                first += len(ids)
            yield prediction

    def record(self, request_id: bytes, prediction: Prediction) -> None:
        """Record what `predict_for` predicted, which does not know for whom it did."""
        if not self._told:
            asyncio.get_running_loop().call_soon(self._hand_over)
        self._told.append((request_id, prediction))

    def _hand_over(self) -> None:
        """Neighbours in a forward pass as one record: one for each request cost twice as much."""
        told, self._told = self._told, []
        records: list[Record] = []
        ids: list[bytes] = []
        last, following = None, 0
        for request_id, (whole, start, end) in told:
            if whole is not last or start != following:
                ids = []
                records.append(self._record_of(whole, start, ids))
            ids += row_ids(request_id or _unknown(), end - start)
            last, following = whole, end
        for record in records:
            self._append(record)

    def _record_of(self, whole: ForwardPass, start: int, ids: list[bytes]) -> Record:
        arrays = (whole.rows, whole.probabilities, whole.indices)
        return Record(self._rows, time.time(), *arrays, start, ids)


def _unknown() -> bytes:
    return secrets.token_hex(12).encode()
