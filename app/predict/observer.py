"""What happens at a model: its forward passes, answers and failures, for those who record them."""

import time
from collections.abc import Sequence
from contextvars import Context, copy_context
from typing import NamedTuple, Protocol

from app.predict.prediction import Prediction


class AnsweredRequest(Protocol):
    """`prediction_id` is that of the prediction log; empty where the request is not for it."""

    request_id: bytes
    prediction_id: bytes


# A request, the prediction that answered it, and the number of that prediction's first instance.
Answered = tuple[AnsweredRequest, Prediction, int]


class QueuedRequest:
    """One request in the queue, in the context of its task, for observers that follow it there."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.since = time.perf_counter()
        self.context: Context = copy_context()
        # A pass over several requests that fails is tried again with each alone.
        self.passes = 0


class PassRecord(NamedTuple):
    """One forward pass over `rows`, and what of it failed, if anything did.

    It completed `requests` requests, which had waited `waited` seconds in total; a large request
    takes several passes, and only the last one completes it. `queued` lists the requests for
    observers that follow them. The times are of time.perf_counter(): from `began` on the rows
    were joined, from `started` the model ran, and from `computed` its output was checked.
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


class Observer(Protocol):
    """Records what one model does. Passes may run in threads; all else is on the event loop.

    A subclass overrides the methods that it needs.
    """

    follows_queue: bool = False

    def passed(self, _record: PassRecord, /) -> None:
        """A forward pass has ended."""
        return

    def answered(self, _answered: Sequence[Answered], /) -> None:
        """These requests were answered in one turn of the event loop, in this order."""
        return

    def failed(
        self, _error: BaseException, _seconds: float, _queued: QueuedRequest | None, /
    ) -> None:
        """A request failed or was cancelled so many seconds after it was made; in its context."""
        return
