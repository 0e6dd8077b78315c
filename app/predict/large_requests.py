"""Limits the threads and the memory of requests that are too large for the event loop."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Protocol, Self, TypeVar

from app.errors import Overloaded
from app.predict.returned_memory import FreeMemory

Result = TypeVar("Result")
# A request that held more returns its memory to the system.
MOST_KEPT = 64 * 2**20
# Each thread that runs Python takes the interpreter's lock for 5 ms at a time, and the event loop
# waits for all of them, several times for one small request.
MOST_THREADS = 2


class NeedsThread(Exception):
    """This work would block the event loop for too long, though its body is short."""


class RunInThread(Protocol):
    """Runs `work` in a thread, in the caller's context."""

    def __call__(self, work: Callable[[], Result], /) -> Awaitable[Result]: ...


class LargeRequests:
    """Limits large requests over all models, because each holds body and answer in memory.

    `limit` of them are in work at a time, MOST_THREADS of these in threads, and the others wait
    for their turn. `most_bytes` limits the bodies and outputs of all requests together.
    """

    def __init__(
        self, limit: int, run_in_thread: RunInThread, most_bytes: int = 256 * 2**20
    ) -> None:
        self._limit = limit
        self._run_in_thread = run_in_thread
        self._turns = asyncio.Semaphore(min(limit, MOST_THREADS))
        self.running = 0
        self.most_bytes = most_bytes
        self.held_bytes = 0
        self._free = FreeMemory()

    async def run(self, work: Callable[[], Result]) -> Result:
        """Run `work` in a thread. Raises Overloaded, before any work is done."""
        if self.running >= self._limit:
            raise Overloaded(f"{self.running} large requests are in work already; try again")
        self.running += 1
        return await self._run(work, self._count_end)

    async def run_in_turn(self, work: Callable[[], Result]) -> Result:
        """Run `work`, a short part of a request, in a thread; it may wait for other requests."""
        return await self._run(work, lambda: None)

    async def _run(self, work: Callable[[], Result], end: Callable[[], None]) -> Result:
        """A caller that leaves, at its deadline, cannot end a thread: its turn lasts until `work`
        ends, and then `end` is called."""
        try:
            await self._turns.acquire()
        except asyncio.CancelledError:
            end()
            raise
        running = asyncio.ensure_future(self._run_in_thread(work))

        def ended(running: asyncio.Future[Result]) -> None:
            self._turns.release()
            end()
            # Nobody waits for the error of a caller that left, and asyncio would log it.
            _ = running.cancelled() or running.exception()

        running.add_done_callback(ended)
        return await asyncio.shield(running)

    def _count_end(self) -> None:
        self.running -= 1

    def release(self, count: int) -> None:
        """Bytes that one request held."""
        self.held_bytes -= count
        if count > MOST_KEPT:
            self._free.return_soon()

    def hold(self) -> "HeldMemory":
        return HeldMemory(self)


class HeldMemory:
    """The memory of one request, until the end of the `with` block."""

    def __init__(self, requests: LargeRequests) -> None:
        self._requests = requests
        self._bytes = 0

    def add(self, count: int) -> None:
        """Raises Overloaded if other requests leave no room. A request that is alone has room."""
        requests = self._requests
        others = requests.held_bytes - self._bytes
        if others and requests.held_bytes + count > requests.most_bytes:
            raise Overloaded(f"other requests hold {others} bytes in memory; try again")
        self._bytes += count
        requests.held_bytes += count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._requests.release(self._bytes)
        self._bytes = 0
