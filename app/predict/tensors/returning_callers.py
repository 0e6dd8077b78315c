"""How long a slow pass should wait for callers whose answers were just sent."""

import asyncio
from collections.abc import Callable

# Faster passes do not wait.
LEAST_PASS_SECONDS = 0.004
# The longest wait for the next request, as a part of the pass. Timers of uvloop count
# milliseconds.
PART = 0.125
LEAST_WAIT_SECONDS = 0.001
MOST_SKIPPED = 64


class ReturningCallers:
    """Waits until as many requests are there as were at once in the last pass and its queue.

    Callers that send their next request after an answer would otherwise form two groups: one in
    a pass, one in the queue, and each pass would have half of the rows. The wait goes on while
    requests arrive, at most as long as the pass took. A wait in which not all came was in vain,
    and is followed by passes without one: 1, then 3, up to MOST_SKIPPED.
    """

    def __init__(self) -> None:
        self._wanted = self._waiting = self._seen = 0
        self._wait = self._end = 0.0
        self._timer: asyncio.Handle | None = None
        self._in_vain = self._skip = 0

    def expect(self, requests: int, pass_seconds: float, proceed: Callable[[], None]) -> None:
        """Wait for so many requests, whose pass takes so long; `proceed` ends the wait."""
        if pass_seconds < LEAST_PASS_SECONDS or requests < 2:
            return
        if self._skip:
            self._skip -= 1
            return
        loop = asyncio.get_running_loop()
        self._wanted, self._waiting, self._seen = requests, 0, 0
        self._wait = max(LEAST_WAIT_SECONDS, PART * pass_seconds)
        self._end = loop.time() + pass_seconds
        # Begins in the next tick: first the answers of the pass are sent.
        self._timer = loop.call_soon(self._start, proceed)

    def awaited(self, waiting: int) -> bool:
        """Whether more requests than those that wait are expected soon."""
        if self._timer is None:
            return False
        self._waiting = waiting
        if waiting < self._wanted:
            return True
        self._timer.cancel()
        self._timer = None
        self._in_vain = 0
        return False

    def _start(self, proceed: Callable[[], None]) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._wait, self.look, proceed)

    def look(self, proceed: Callable[[], None]) -> None:
        """A wait for the next request has passed: wait again if one came, else proceed."""
        if self._waiting > self._seen and asyncio.get_running_loop().time() < self._end:
            self._seen = self._waiting
            self._start(proceed)
            return
        self._timer = None
        self._in_vain = self._skip = min(MOST_SKIPPED, 2 * self._in_vain + 1)
        proceed()
