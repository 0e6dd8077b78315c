"""Tick batching: the requests of one tick of the event loop share one call."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Generic, Protocol, TypeVar

from app.errors import DeadlineExceeded, Overloaded

Item = TypeVar("Item")
Result = TypeVar("Result")
Received = TypeVar("Received", contravariant=True)
# An error in place of a result fails only its item.
Run = Callable[[list[Item]], Sequence[Result | Exception]]
# A call that takes longer than this runs in a thread.
LOOP_BUDGET_SECONDS = 0.001
# Weight of the newest measurement; low enough that one slow call changes nothing.
SMOOTHING = 0.2
# The duration of calls varies: with just enough time left, many would end too late.
MARGIN = 1.25


class Waiter(Protocol[Received]):
    """Takes a result at once: a future, or an object with these methods of one."""

    def done(self) -> bool: ...
    def set_result(self, result: Received, /) -> None: ...
    def set_exception(self, error: BaseException, /) -> None: ...


# An item, its waiter, and its deadline as a time of time.monotonic().
Entry = tuple[Item, Waiter[Result], float | None]
# Items, their waiters, and the seconds that a call with them is expected to take.
Batch = tuple[list[Item], list[Waiter[Result]], float]


class Queue(Protocol[Received]):
    """The entries that wait."""

    def __len__(self) -> int: ...
    def append(self, entry: Received, /) -> None: ...


class TickBatcher(ABC, Generic[Item, Result]):
    """Collects items into lists for `run`, which returns a result for each item.

    The first item of a tick schedules the end of the tick with call_soon: every request parsed
    until then joins the batch, and none waits for a timer. The first item of a tick runs at once
    if the tick before had only one. If `run` is too slow for the event loop, it moves to a worker
    thread, and the next batch grows meanwhile.
    """

    def __init__(
        self, run: Run[Item, Result], pending: Queue[Entry[Item, Result]], max_pending: int
    ) -> None:
        self._run = run
        self._pending = pending
        self._max_pending = max_pending
        self._arrived = self._arrived_before = 0
        self._busy = False
        self._thread = ThreadPoolExecutor(1, "forward")

    def submit(self, item: Item, deadline: float | None = None) -> asyncio.Future[Result]:
        """Queue an item; the future gets its result, or DeadlineExceeded.

        `deadline` is a time of time.monotonic(). Raises Overloaded at `max_pending`.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self.put(item, future, deadline)
        return future

    def put(self, item: Item, waiter: Waiter[Result], deadline: float | None = None) -> None:
        """Queue an item as `submit` does, with the caller's own waiter."""
        if len(self._pending) >= self._max_pending:
            raise Overloaded(f"{self._max_pending} requests are waiting already; try again")
        self._pending.append((item, waiter, deadline))
        self._arrived += 1
        if self._arrived == 1:
            asyncio.get_running_loop().call_soon(self._end_tick)
            if self._arrived_before == 1:
                self._flush()

    def close(self) -> None:
        self._thread.shutdown()

    @abstractmethod
    def _take(self) -> Batch[Item, Result]:
        """The next batch, without items whose waiter is done or whose deadline is too near."""

    @abstractmethod
    def _attempt(self, items: list[Item]) -> Sequence[Result | Exception]:
        """The result or the error of each item."""

    def _end_tick(self) -> None:
        self._arrived, self._arrived_before = 0, self._arrived
        self._flush()

    def _flush(self) -> None:
        while self._pending and not self._busy:
            items, waiters, seconds = self._take()
            if seconds <= LOOP_BUDGET_SECONDS:
                _settle(waiters, self._attempt(items))
                continue
            loop = asyncio.get_running_loop()
            try:
                running = loop.run_in_executor(self._thread, self._attempt, items)
            except RuntimeError:
                # No thread can be started, at a limit of memory or of processes.
                _settle(waiters, self._attempt(items))
                continue
            self._busy = True
            running.add_done_callback(partial(self._resume, waiters))

    def _resume(
        self, waiters: list[Waiter[Result]], done: asyncio.Future[Sequence[Result | Exception]]
    ) -> None:
        self._busy = False
        _settle(waiters, done.result())
        self._flush()


class Batcher(TickBatcher[Item, Result]):
    """Calls `run` with the items in their order, up to `max_batch` at a time.

    Under overload the oldest items are close to their deadlines, and would be answered too late.
    So an item that cannot be answered in time is not computed. Only the first item of a batch is
    always computed before its deadline, to measure the duration of a call again.
    """

    _pending: deque[Entry[Item, Result]]

    def __init__(
        self, run: Run[Item, Result], *, max_pending: int = 4096, max_batch: int = 256
    ) -> None:
        super().__init__(run, deque(), max_pending)
        self._max_batch = max_batch
        self._seconds = 0.0

    def _take(self) -> Batch[Item, Result]:
        items: list[Item] = []
        waiters: list[Waiter[Result]] = []
        latest = now = time.monotonic()
        while self._pending and len(items) < self._max_batch:
            item, waiter, deadline = self._pending.popleft()
            if waiter.done():
                continue
            if deadline is not None and deadline <= latest:
                waiter.set_exception(DeadlineExceeded())
                continue
            items.append(item)
            waiters.append(waiter)
            latest = now + MARGIN * self._seconds
        return items, waiters, self._seconds

    def _attempt(self, items: list[Item]) -> Sequence[Result | Exception]:
        if not items:
            return []
        started = time.perf_counter()
        try:
            return self._run(items)
        except Exception as error:
            if len(items) == 1:
                return [error]
            # One item may cause the error: run alone, only this item fails.
            return [result for item in items for result in self._attempt([item])]
        finally:
            self._seconds += SMOOTHING * (time.perf_counter() - started - self._seconds)


def _settle(waiters: list[Waiter[Result]], results: Sequence[Result | Exception]) -> None:
    for waiter, result in zip(waiters, results, strict=True):
        if waiter.done():
            continue
        if isinstance(result, Exception):
            waiter.set_exception(result)
        else:
            waiter.set_result(result)
