"""Predicts rows with one model: batching, forward pass, checks, and observers."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from copy import copy
from typing import Self

import numpy as np

from app.errors import InvalidInstances
from app.predict.batching import Batcher, Waiter
from app.predict.deadline import Deadline
from app.predict.observer import Answered, AnsweredRequest, Observer, PassRecord, QueuedRequest
from app.predict.prediction import ForwardPass, Prediction
from stateserve.errors import Fault
from stateserve.model import Predictor
from stateserve.model.architectures import FloatArray, most_probable

# Requests of up to this many rows share a forward pass; larger ones would not become faster.
MAX_BATCHED_ROWS = 64
# Rows per forward pass of a large request, so that activations fit into the processor's cache.
CHUNK_ROWS = 16_384
# Rows, the time.perf_counter() at which they were queued, and the record for observers.
Item = tuple[FloatArray, float, QueuedRequest | None]


class Inference:
    """One predictor with its batcher and its observers.

    Its last reference frees it, its thread included: each request holds the version that it
    began with, so requests need not be counted.
    """

    def __init__(
        self, predictor: Predictor, observers: Sequence[Observer] = (), max_pending: int = 4096
    ) -> None:
        self.predictor = predictor
        self._observers = tuple(observers)
        self._follows = any(observer.follows_queue for observer in observers)
        # The answered requests of this tick.
        self._answered: list[Answered] = []
        # Not methods of this object: a cycle would wait for the garbage collector, which
        # never looks at what gc.freeze() put away.
        self._forward = _Forward(predictor, self._observers)
        self._batcher = Batcher(self._forward.together, max_pending=max_pending)

    def observed_by(self, observer: Observer) -> Self:
        """The same queue and model with one more observer of answers."""
        view = copy(self)
        view._observers = (*self._observers, observer)
        view._answered = []
        return view

    async def predict(self, rows: FloatArray, deadline: Deadline | None = None) -> Prediction:
        """Predict float32 (rows, n_features), up to MAX_BATCHED_ROWS, in this tick's batch.

        Raises InvalidInstances on overflow, Overloaded when the queue is full, or
        DeadlineExceeded.
        """
        since = time.perf_counter()
        queued = QueuedRequest(len(rows)) if self._follows else None
        future: asyncio.Future[Prediction] = asyncio.get_running_loop().create_future()
        try:
            if deadline is None:
                self._batcher.put((rows, since, queued), future)
                return await future
            self._batcher.put((rows, since, queued), future, deadline.at)
            return await deadline.wait(future)
        except BaseException as error:
            self.failed(error, time.perf_counter() - since, queued)
            raise

    def predict_for(
        self, waiter: Waiter[Prediction], rows: FloatArray, deadline: float | None = None
    ) -> None:
        """Predict as `predict` does, for a waiter, which itself calls `failed` on an error."""
        queued = QueuedRequest(len(rows)) if self._follows else None
        self._batcher.put((rows, time.perf_counter(), queued), waiter, deadline)

    def predict_chunks(self, rows: FloatArray) -> Iterator[Prediction]:
        """Predict any number of rows in chunks; call it in a thread, not on the event loop.

        Raises InvalidInstances on overflow.
        """
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

    def answered(self, request: AnsweredRequest, prediction: Prediction, first: int = 0) -> None:
        """Report an answer to the observers, at the end of this tick of the event loop.

        To be called after the answer is sent: a request that failed, or whose client has left,
        is not counted.
        """
        if not self._answered:
            asyncio.get_running_loop().call_soon(self._end_tick)
        self._answered.append((request, prediction, first))

    def failed(
        self, error: BaseException, seconds: float, queued: QueuedRequest | None = None
    ) -> None:
        for observer in self._observers:
            observer.failed(error, seconds, queued)

    def close(self) -> None:
        self._batcher.close()

    def _end_tick(self) -> None:
        answered, self._answered = self._answered, []
        for observer in self._observers:
            observer.answered(answered)


class _Forward:
    """The predictor's forward pass, checked and observed."""

    def __init__(self, predictor: Predictor, observers: Sequence[Observer]) -> None:
        self._observers = observers
        self._log_probabilities = predictor.log_probabilities
        self._lowest, self._highest = predictor.ranges

    def together(self, items: list[Item]) -> list[Prediction]:
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
