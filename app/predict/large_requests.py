"""Runs requests that are too large for the event loop in threads, up to a limit."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from app.errors import Overloaded

Result = TypeVar("Result")


class RunInThread(Protocol):
    """Runs `work` in a thread, in the caller's context."""

    def __call__(self, work: Callable[[], Result], /) -> Awaitable[Result]: ...


class LargeRequests:
    """Limits large requests over all models, because each holds body and answer in memory."""

    def __init__(self, limit: int, run_in_thread: RunInThread) -> None:
        self._limit = limit
        self._run_in_thread = run_in_thread
        self.running = 0

    async def run(self, work: Callable[[], Result]) -> Result:
        """Run `work` in a thread. Raises Overloaded, before any work is done."""
        if self.running >= self._limit:
            raise Overloaded(f"{self.running} large requests are in work already; try again")
        self.running += 1
        try:
            return await self._run_in_thread(work)
        finally:
            self.running -= 1
