"""The one path from rows to predictions that every protocol calls."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Counter

from app.errors import InvalidInstances
from app.monitor import Metrics
from app.predict.batching import Batcher, Run, Waiter
from app.predict.pass_times import PassTimes
from stateserve.errors import Fault
from stateserve.model import Predictor
from stateserve.model.architectures import FloatArray, most_probable

# Requests of up to so many rows share a forward pass; larger ones would gain nothing by it.
MAX_BATCHED_ROWS = 64
# Rows per forward pass of a large request: its activations stay in the processor's cache.
CHUNK_ROWS = 16_384


@dataclass(eq=False)
class ForwardPass:
    """What the model said of float32 `rows` (rows, n_features), at once.

    log_probabilities float32 and probabilities float64, both (rows, n_classes); indices
    int64 (rows,) of the most probable classes; outside bool (rows, n_features) marks values
    beyond the training range, answered but extrapolated, and is None where there are none.
    """

    rows: FloatArray
    log_probabilities: FloatArray
    probabilities: NDArray[np.float64]
    indices: NDArray[np.int64]
    outside: NDArray[np.bool_] | None

    _lists: tuple[list[int], list[list[float]]] | None = None

    def between(self, start: int, end: int) -> "ForwardPass":
        """These rows of it."""
        rows = slice(start, end)
        return ForwardPass(
            self.rows[rows],
            self.log_probabilities[rows],
            self.probabilities[rows],
            self.indices[rows],
            None if self.outside is None else self.outside[rows],
        )

    def lists(self) -> tuple[list[int], list[list[float]]]:
        """indices and probabilities; made once for all requests that share the pass."""
        if self._lists is None:
            self._lists = self.indices.tolist(), self.probabilities.tolist()
        return self._lists

    def drop_lists(self) -> None:
        """They take ten times the memory of the arrays."""
        self._lists = None


class Prediction(NamedTuple):
    """One request's share of a forward pass: its rows from start to end."""

    whole: ForwardPass
    start: int
    end: int

    def rows_outside(self) -> int:
        """How many of its rows have a value beyond the training range."""
        outside = self.whole.outside
        return 0 if outside is None else int(outside[self.start : self.end].any(axis=1).sum())

    def parts(self, most: int) -> Iterator["Prediction"]:
        """It, or where it has more rows than so many, the shares that it consists of."""
        if self.end - self.start <= most:
            yield self
            return
        for start in range(self.start, self.end, most):
            part = self.whole.between(start, min(start + most, self.end))
            yield Prediction(part, 0, len(part.rows))


class Predicts(Protocol):
    """What a protocol needs of an Inference, or of what stands for one."""

    predictor: Predictor
    times: PassTimes

    def predict(
        self, rows: FloatArray, deadline: float | None = None
    ) -> asyncio.Future[Prediction]: ...

    def predict_for(
        self, waiter: Waiter[Prediction], rows: FloatArray, deadline: float | None = None
    ) -> None: ...

    def predict_chunks(self, rows: FloatArray) -> Iterator[Prediction]: ...

    def answered(
        self, request: "AnsweredRequest", prediction: Prediction, first: int = 0
    ) -> None: ...

    def close(self) -> None: ...


class AnsweredRequest(Protocol):
    """`prediction_id` is that of the prediction log; empty where the request is not for it."""

    request_id: bytes
    prediction_id: bytes


# A request, what it was answered with, and the number of the first instance of that.
Told = tuple[AnsweredRequest, Prediction, int]
PassOver = Callable[[FloatArray, int], ForwardPass]


class Execution:
    """How forward passes are run: plainly; app/monitor/traced_execution.py adds spans."""

    def batcher(
        self, run: Run[FloatArray, Prediction], max_pending: int
    ) -> Batcher[FloatArray, Prediction]:
        return Batcher(run, max_pending=max_pending)

    def alone(self, pass_over: PassOver) -> PassOver:
        return pass_over


PLAIN = Execution()


class Inference:
    """One predictor behind its batcher, counted in metrics.

    Whoever drops the last reference frees it, its thread included: a request holds the
    version that it began on for as long as it needs, and nobody has to count requests.
    """

    def __init__(
        self,
        predictor: Predictor,
        metrics: Metrics,
        max_pending: int = 4096,
        execution: Execution = PLAIN,
    ) -> None:
        self.predictor = predictor
        # Not methods of this object: a cycle would wait for the garbage collector, which
        # never looks at what gc.freeze() put away.
        self.times = PassTimes(metrics, predictor.name, predictor.version)
        forward = self._forward = _Forward(predictor, metrics, self.times)
        # In this tick.
        self._told: list[Told] = []
        self._pass_over = execution.alone(forward.pass_over)
        self._batcher = execution.batcher(forward.together, max_pending)
        self.times.waited = self._batcher.waited

    def predict(
        self, rows: FloatArray, deadline: float | None = None
    ) -> asyncio.Future[Prediction]:
        """Predict float32 (rows, n_features), up to MAX_BATCHED_ROWS, with others of this tick.

        Raises InvalidInstances on overflow, Overloaded when the queue is full, and
        DeadlineExceeded when it is too late for `deadline`, a time of time.monotonic().
        """
        return self._batcher.submit(rows, deadline)

    def predict_for(
        self, waiter: Waiter[Prediction], rows: FloatArray, deadline: float | None = None
    ) -> None:
        """Predict as `predict` does, for a waiter that is no coroutine."""
        self._batcher.put(rows, waiter, deadline)

    def predict_chunks(self, rows: FloatArray) -> Iterator[Prediction]:
        """Predict any number of rows, a chunk at a time; for a thread, not the event loop.

        Raises InvalidInstances on overflow.
        """
        asked, answered = time.perf_counter(), False
        try:
            for start in range(0, len(rows), CHUNK_ROWS):
                whole = self._pass_over(rows[start : start + CHUNK_ROWS], start)
                answered = start + CHUNK_ROWS >= len(rows)
                yield Prediction(whole, 0, len(whole.rows))
        finally:
            if answered:
                self.times.answered()
            else:
                self.times.failed(time.perf_counter() - asked)

    def answered(self, request: AnsweredRequest, prediction: Prediction, first: int = 0) -> None:
        """Count what a request was answered with, at the end of this tick of the event loop.

        Whoever serves requests says so after the answer: what is refused half-way, or whose
        caller has left, is counted nowhere.
        """
        if not self._told:
            asyncio.get_running_loop().call_soon(self._end_tick)
        self._told.append((request, prediction, first))

    def close(self) -> None:
        self._batcher.close()

    def _end_tick(self) -> None:
        told, self._told = self._told, []
        self._settle(told)

    def _settle(self, told: list[Told]) -> None:
        # Neighbours in a forward pass at once: each request alone costs twice as much.
        whole, start, _ = told[0][1]
        end = start
        for _, prediction, _ in told:
            if prediction.whole is not whole or prediction.start != end:
                self._forward.count(whole, start, end)
                whole, start, end = prediction
            end = prediction.end
        self._forward.count(whole, start, end)


class _Forward:
    """The predictor's forward pass, checked, counted and timed."""

    def __init__(self, predictor: Predictor, metrics: Metrics, times: PassTimes) -> None:
        self._times = times
        self._log_probabilities = predictor.log_probabilities
        self._lowest, self._highest = predictor.ranges
        name, card = predictor.name, predictor.card
        self._batch_size = metrics.batch_size.labels(name, predictor.version)
        self._by_class = [metrics.predictions.labels(name, label) for label in card.classes]
        self._by_feature = [
            metrics.out_of_range.labels(name, feature.name) for feature in card.features
        ]

    def together(self, items: list[FloatArray]) -> list[Prediction]:
        began = time.perf_counter()
        rows = items[0] if len(items) == 1 else np.concatenate(items)
        whole = self.pass_over(rows, requests=len(items), began=began)
        ends = list(accumulate(map(len, items)))
        return [
            Prediction(whole, end - len(item), end) for item, end in zip(items, ends, strict=True)
        ]

    def pass_over(
        self, rows: FloatArray, first: int = 0, *, requests: int = 0, began: float | None = None
    ) -> ForwardPass:
        started = time.perf_counter()
        logs = self._log_probabilities(rows)
        computed = time.perf_counter()
        finite = np.isfinite(logs)
        # A search in the bytes takes a third of the time of np.all and np.any.
        if b"\0" in finite.tobytes():
            wrong = first + int(np.argwhere(~finite)[0, 0])
            fault = Fault(f"/instances/{wrong}", "so large that the forward pass overflows")
            raise InvalidInstances([fault])
        # In float64: exp of float32 would round once more.
        probabilities = np.exp(logs.astype(np.float64))
        columns = np.ascontiguousarray(rows.T)
        outside = (columns < self._lowest) | (columns > self._highest)
        found = outside.T if b"\1" in outside.tobytes() else None
        self._batch_size.observe(rows.shape[0])
        whole = ForwardPass(rows, logs, probabilities, most_probable(logs), found)
        self._times.passed(rows.shape[0], requests, began or started, started, computed)
        return whole

    def count(self, whole: ForwardPass, start: int, end: int) -> None:
        if end - start == 1:
            self._by_class[whole.indices[start]].inc()
        else:
            counts = np.bincount(whole.indices[start:end], minlength=len(self._by_class))
            _increase(self._by_class, counts)
        if whole.outside is not None:
            _increase(self._by_feature, whole.outside[start:end].sum(axis=0))


def _increase(counters: list[Counter], counts: NDArray[np.int64]) -> None:
    for counter, count in zip(counters, counts.tolist(), strict=True):
        if count:
            counter.inc(count)
