"""Tick batching: what one turn of the event loop brings shares one call."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from app.errors import Overloaded

Item = TypeVar("Item")
Result = TypeVar("Result")
# A call that holds the event loop longer than this goes to a thread.
LOOP_BUDGET_SECONDS = 0.001
# Weight of the newest measurement; low enough that one hiccup moves nothing.
SMOOTHING = 0.2


class Batcher(Generic[Item, Result]):
    """Gathers items into lists for `run`, which answers each item with a result.

    The first item of a tick schedules the flush with call_soon, so every request parsed in
    the same tick joins and none waits for a timer. When `run` measures too slow for the
    event loop it moves to a worker thread, and the next batch grows while it is busy.
    """

    def __init__(
        self,
        run: Callable[[list[Item]], list[Result]],
        *,
        max_pending: int = 4096,
        max_batch: int = 256,
    ) -> None:
        self._run = run
        self._max_pending = max_pending
        self._max_batch = max_batch
        self._pending: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._scheduled = False
        self._seconds = 0.0
        self._thread = ThreadPoolExecutor(1, "forward")

    def submit(self, item: Item) -> asyncio.Future[Result]:
        """Queue an item; the future brings its result. Raises Overloaded at `max_pending`."""
        if len(self._pending) >= self._max_pending:
            raise Overloaded(f"{self._max_pending} requests are waiting already; try again")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._pending.append((item, future))
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._flush)
        return future

    def close(self) -> None:
        self._thread.shutdown()

    def _flush(self) -> None:
        items, futures = self._take()
        if self._seconds <= LOOP_BUDGET_SECONDS:
            self._settle(futures, self._attempt(items))
            return
        # Still scheduled: what arrives while the thread is busy waits, and is the next batch.
        running = asyncio.get_running_loop().run_in_executor(self._thread, self._attempt, items)
        running.add_done_callback(lambda done: self._settle(futures, done.result()))

    def _take(self) -> tuple[list[Item], list[asyncio.Future[Result]]]:
        """The next batch, without those whose callers have left."""
        items: list[Item] = []
        futures: list[asyncio.Future[Result]] = []
        while self._pending and len(items) < self._max_batch:
            item, future = self._pending.popleft()
            if not future.done():
                items.append(item)
                futures.append(future)
        return items, futures

    def _attempt(self, items: list[Item]) -> Sequence[Result | Exception]:
        if not items:
            return []
        started = time.perf_counter()
        try:
            return self._run(items)
        except Exception as error:
            if len(items) == 1:
                return [error]
            # One item may be at fault: alone, it fails alone.
            return [result for item in items for result in self._attempt([item])]
        finally:
            self._seconds += SMOOTHING * (time.perf_counter() - started - self._seconds)

    def _settle(
        self, futures: list[asyncio.Future[Result]], results: Sequence[Result | Exception]
    ) -> None:
        for future, result in zip(futures, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
        self._scheduled = bool(self._pending)
        if self._scheduled:
            asyncio.get_running_loop().call_soon(self._flush)
