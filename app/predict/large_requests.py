"""Requests too large for the event loop, in threads: so many at a time, over all models."""

from collections.abc import Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

from app.errors import Overloaded

T = TypeVar("T")


class LargeRequests:
    """Each holds its body and its answer in memory, so that more are shed, whatever they ask."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.running = 0

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns, from a thread. Raises Overloaded, with nothing done."""
        if self.running >= self._limit:
            raise Overloaded(f"{self.running} large requests are in work already; try again")
        self.running += 1
        try:
            return await run_in_threadpool(work)
        finally:
            self.running -= 1
