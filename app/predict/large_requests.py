"""Runs requests that are too large for the event loop in threads, up to a limit."""

from collections.abc import Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

from app.errors import Overloaded

T = TypeVar("T")


class LargeRequests:
    """Limits large requests over all models, because each holds body and answer in memory."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.running = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread. Raises Overloaded, before any work is done."""
        if self.running >= self._limit:
            raise Overloaded(f"{self.running} large requests are in work already; try again")
        self.running += 1
        try:
            return await run_in_threadpool(work)
        finally:
            self.running -= 1
