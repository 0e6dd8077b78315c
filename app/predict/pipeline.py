"""The pipeline of one model: its queue, and its observers."""

import asyncio
import time
from collections.abc import Sequence, Sized
from copy import copy
from typing import Generic, Protocol, Self, TypeVar

from app.predict.batching import TickBatcher, Waiter
from app.predict.deadline import Deadline
from app.predict.observer import Answered, AnsweredRequest, Observer, QueuedRequest


class Share(Protocol):
    """One request's share of a forward pass: its rows from start to end."""

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...

    def rows_outside(self) -> int:
        """The number of rows with a value beyond the training range."""


Rows = TypeVar("Rows", bound=Sized)
Predicted = TypeVar("Predicted", bound=Share)
# Rows, the time.perf_counter() at which they were queued, and the record for observers.
Item = tuple[Rows, float, QueuedRequest | None]


class Pipeline(Generic[Rows, Predicted]):
    """One model's batcher and observers.

    Its last reference frees it, its thread included: each request holds the version that it
    began with, so requests need not be counted. So the batcher's call must not refer to the
    pipeline: a cycle would wait for the garbage collector, which never looks at what
    gc.freeze() put away.
    """

    def __init__(
        self,
        batcher: TickBatcher[Item[Rows], Predicted],
        observers: Sequence[Observer[Predicted]] = (),
    ) -> None:
        self._observers = tuple(observers)
        self._follows = any(observer.follows_queue for observer in observers)
        # The answered requests of this tick.
        self._answered: list[Answered[Predicted]] = []
        self._batcher = batcher

    def observed_by(self, observer: Observer[Predicted]) -> Self:
        """The same queue and model with one more observer of answers."""
        view = copy(self)
        view._observers = (*self._observers, observer)
        view._answered = []
        return view

    async def predict(self, rows: Rows, deadline: Deadline | None = None) -> Predicted:
        """Predict the rows of one request in this tick's batch.

        Raises Overloaded when the queue is full, DeadlineExceeded, or the errors of the forward
        pass.
        """
        since = time.perf_counter()
        queued = QueuedRequest(len(rows)) if self._follows else None
        future: asyncio.Future[Predicted] = asyncio.get_running_loop().create_future()
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
        self, waiter: Waiter[Predicted], rows: Rows, deadline: float | None = None
    ) -> None:
        """Predict as `predict` does, for a waiter, which itself calls `failed` on an error."""
        queued = QueuedRequest(len(rows)) if self._follows else None
        self._batcher.put((rows, time.perf_counter(), queued), waiter, deadline)

    def report(self, predictions: Sequence[Predicted], request: AnsweredRequest) -> None:
        """Report the predictions of one answered request, which has their rows in order."""
        first = 0
        for prediction in predictions:
            self.answered(request, prediction, first)
            first += prediction.end - prediction.start

    def answered(self, request: AnsweredRequest, prediction: Predicted, first: int = 0) -> None:
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
