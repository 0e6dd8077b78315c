"""Batches requests of any module: rows of one shape share a pass of a bounded size and time."""

import asyncio
import math
import time
from collections.abc import Sequence

from app.errors import DeadlineExceeded
from app.predict.batching import MARGIN, Batch, TickBatcher, Waiter
from app.predict.pipeline import Item
from app.predict.tensors.forward import TensorForward
from app.predict.tensors.prediction import TensorPrediction
from app.predict.tensors.returning_callers import ReturningCallers
from app.predict.tensors.rows import TensorRows
from app.predict.tensors.shape_queue import ShapeQueue, TensorEntry

# Several rows share a pass if it takes no longer: meanwhile deadlines pass, and other models of
# the process have less of the processor.
PASS_SECONDS = 0.1
# More rows in a pass would not become cheaper.
MAX_ROWS = 256
# Of the inputs and outputs of a pass.
MAX_PASS_BYTES = 64 * 2**20
# A large request takes this part of a pass while others wait.
SHARES = 4


class TensorBatcher(TickBatcher[Item[TensorRows], TensorPrediction]):
    """Calls `run` with requests of one shape, as many as may share a pass.

    The first request of a pass is always computed before its deadline, to measure the duration
    again. The next ones join only if the pass is expected to end before all their deadlines; a
    request that cannot be answered in time is not computed.
    """

    _pending: ShapeQueue

    def __init__(self, forward: TensorForward, max_pending: int) -> None:
        super().__init__(forward.together, ShapeQueue(forward.key_of), max_pending)
        self._cost = forward.cost
        self._returning = ReturningCallers()
        # Bytes of inputs in the pass that runs.
        self._size = 0

    def most_rows(self, row_bytes: int) -> int:
        """The number of rows, of this size each, that a request should add to a pass."""
        rows = min(MAX_ROWS, self._most_bytes(row_bytes) / max(1, row_bytes))
        return max(1, int(rows / SHARES if self._pending or self._busy else rows))

    def _most_bytes(self, first: int) -> float:
        """The most bytes of inputs in a pass whose first request has `first` bytes."""
        # Rows may join even a longer pass if they cost nearly nothing more.
        seconds = max(PASS_SECONDS, MARGIN * self._cost.expected(first))
        return min(self._cost.size_within(seconds), MAX_PASS_BYTES / (1 + self._cost.output_ratio))

    def _flush(self) -> None:
        if not self._returning.awaited(len(self._pending)):
            super()._flush()

    def _resume(
        self,
        waiters: list[Waiter[TensorPrediction]],
        done: "asyncio.Future[Sequence[TensorPrediction | Exception]]",
    ) -> None:
        each = max(1, self._size // len(waiters))
        together = len(waiters) + len(self._pending)
        most = min(together, int(self._most_bytes(each) / each))
        self._returning.expect(most, self._cost.expected(most * each), self._flush)
        super()._resume(waiters, done)

    def _take(self) -> Batch[Item[TensorRows], TensorPrediction]:
        items: list[Item[TensorRows]] = []
        waiters: list[Waiter[TensorPrediction]] = []
        now = time.monotonic()
        rows = size = 0
        most, soonest = 0.0, math.inf

        def fits(entry: TensorEntry) -> bool:
            nonlocal rows, size, most, soonest
            item, waiter, deadline = entry
            if waiter.done():
                return True
            more, ends = item[0].nbytes, now
            if not items:
                most = self._most_bytes(more)
            elif rows + len(item[0]) > MAX_ROWS or size + more > most:
                return False
            elif deadline is not None or soonest < math.inf:
                ends += MARGIN * self._cost.expected(size + more)
            if deadline is not None and deadline <= ends:
                waiter.set_exception(DeadlineExceeded())
                return True
            if ends >= soonest:
                return False
            items.append(item)
            waiters.append(waiter)
            rows += len(item[0])
            size += more
            soonest = min(soonest, math.inf if deadline is None else deadline)
            return True

        self._pending.take(fits)
        self._size = size
        return items, waiters, self._cost.expected(size) if items else 0.0

    def _attempt(self, items: list[Item[TensorRows]]) -> Sequence[TensorPrediction | Exception]:
        try:
            return self._run(items) if items else []
        except Exception as error:
            # Not of the forward pass, whose errors are results.
            return [error] * len(items)
