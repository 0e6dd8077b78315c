"""The protocol of observers of a model: forward passes, answers and failures."""

import time
from collections.abc import Sequence
from contextvars import Context, copy_context
from typing import NamedTuple, Protocol, TypeVar

# One request's share of a forward pass; its type depends on the kind of model.
Prediction = TypeVar("Prediction")
Observed = TypeVar("Observed", contravariant=True)


class AnsweredRequest(Protocol):
    """`prediction_id` is that in the prediction log; empty if the request is not logged."""

    request_id: bytes
    prediction_id: bytes


# A request, the prediction that answered it, and the number of that prediction's first instance.
Answered = tuple[AnsweredRequest, Prediction, int]


class QueuedRequest:
    """One request in the queue, with the context of its task, for observers of the queue."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.since = time.perf_counter()
        self.context: Context = copy_context()
        # A failed pass over several requests is repeated for each request.
        self.passes = 0


class PassRecord(NamedTuple):
    """One forward pass over `rows` rows; `error` is None if it succeeded.

    It completed `requests` requests, which had waited `waited` seconds in total; a large request
    takes several passes, and only the last completes it. `queued` is for observers of the queue.
    The times are of time.perf_counter(): from `began` the rows were joined, from `started` the
    model ran, and from `computed` its output was checked.
    """

    rows: int
    requests: int
    waited: float
    began: float
    started: float
    computed: float
    ended: float
    error: Exception | None
    queued: Sequence[QueuedRequest]


class Observer(Protocol[Observed]):
    """Observes one model. `passed` may run in a thread; the other methods run on the event loop.

    A subclass overrides the methods that it needs.
    """

    follows_queue: bool = False

    def passed(self, _record: PassRecord, /) -> None:
        """A forward pass has ended."""
        return

    def answered(self, _answered: Sequence[Answered[Observed]], /) -> None:
        """These requests were answered in one tick of the event loop, in this order."""
        return

    def failed(
        self, _error: BaseException, _seconds: float, _queued: QueuedRequest | None, /
    ) -> None:
        """A request failed or was cancelled after a time in seconds; called in its context."""
        return
