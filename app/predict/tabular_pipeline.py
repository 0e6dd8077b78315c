"""The pipeline of a tabular classifier: its forward pass and its checks."""

import time
from collections.abc import Iterator, Sequence

import numpy as np

from app.errors import InvalidInstances
from app.predict.batching import Batcher
from app.predict.observer import Observer, PassRecord, QueuedRequest
from app.predict.pipeline import Item, Pipeline
from app.predict.prediction import ForwardPass, Prediction
from stateserve.errors import Fault
from stateserve.model import Predictor
from stateserve.model.architectures import FloatArray, most_probable

# Requests of up to this many rows share a forward pass; larger ones would not become faster.
MAX_BATCHED_ROWS = 64
# Rows per forward pass of a large request, so that activations fit into the processor's cache.
CHUNK_ROWS = 16_384


class TabularPipeline(Pipeline[FloatArray, Prediction]):
    """Predicts float32 (rows, n_features); a request in the queue has up to MAX_BATCHED_ROWS.

    Raises InvalidInstances on overflow.
    """

    def __init__(
        self,
        predictor: Predictor,
        observers: Sequence[Observer[Prediction]] = (),
        max_pending: int = 4096,
    ) -> None:
        self.predictor = predictor
        self._forward = _Forward(predictor, tuple(observers))
        super().__init__(Batcher(self._forward.together, max_pending=max_pending), observers)

    def predict_chunks(self, rows: FloatArray) -> Iterator[Prediction]:
        """Predict any number of rows in chunks; call it in a thread, not on the event loop."""
        since, completed = time.perf_counter(), 0
        try:
            for start in range(0, len(rows), CHUNK_ROWS):
                last = int(start + CHUNK_ROWS >= len(rows))
                whole = self._forward.pass_over(rows[start : start + CHUNK_ROWS], start, last)
                completed = last
                yield Prediction(whole, 0, len(whole.rows))
        except BaseException as error:
            if not completed:
                self.failed(error, time.perf_counter() - since)
            raise


class _Forward:
    """The predictor's forward pass, checked and observed."""

    def __init__(self, predictor: Predictor, observers: Sequence[Observer[Prediction]]) -> None:
        self._observers = observers
        self._log_probabilities = predictor.log_probabilities
        self._lowest, self._highest = predictor.ranges

    def together(self, items: list[Item[FloatArray]]) -> list[Prediction]:
        began = time.perf_counter()
        waited = 0.0
        parts: list[FloatArray] = []
        queued: list[QueuedRequest] = []
        for part, since, followed in items:
            waited += began - since
            parts.append(part)
            if followed is not None:
                followed.passes += 1
                queued.append(followed)
        rows = parts[0] if len(parts) == 1 else np.concatenate(parts)
        whole = self.pass_over(rows, 0, len(items), waited, began, queued)
        predictions, start = [], 0
        for part in parts:
            end = start + len(part)
            predictions.append(Prediction(whole, start, end))
            start = end
        return predictions

    def pass_over(
        self,
        rows: FloatArray,
        first: int,
        requests: int,
        waited: float = 0.0,
        began: float | None = None,
        queued: Sequence[QueuedRequest] = (),
    ) -> ForwardPass:
        """Run the model; `first` is the index of the first row in its request."""
        started = computed = time.perf_counter()
        about = (len(rows), requests, waited, started if began is None else began, started)
        try:
            logs = self._log_probabilities(rows)
            computed = time.perf_counter()
            whole = self._checked(rows, logs, first)
        except Exception as error:
            self._report(PassRecord(*about, computed, time.perf_counter(), error, queued))
            raise
        self._report(PassRecord(*about, computed, time.perf_counter(), None, queued))
        return whole

    def _checked(self, rows: FloatArray, logs: FloatArray, first: int) -> ForwardPass:
        finite = np.isfinite(logs)
        # A search in the bytes takes a third of the time of np.all or np.any.
        if b"\0" in finite.tobytes():
            wrong = first + int(np.argwhere(~finite)[0, 0])
            fault = Fault(f"/instances/{wrong}", "so large that the forward pass overflows")
            raise InvalidInstances([fault])
        # In float64, because exp in float32 would round again.
        probabilities = np.exp(logs.astype(np.float64))
        columns = np.ascontiguousarray(rows.T)
        outside = (columns < self._lowest) | (columns > self._highest)
        found = outside.T if b"\1" in outside.tobytes() else None
        return ForwardPass(rows, logs, probabilities, most_probable(logs), found)

    def _report(self, record: PassRecord) -> None:
        for observer in self._observers:
            observer.passed(record)
