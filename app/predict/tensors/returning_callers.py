"""How long a slow pass should wait for callers whose answers were just sent."""

import asyncio
from collections.abc import Callable

# Faster passes do not wait.
LEAST_PASS_SECONDS = 0.004
# The longest wait, as a part of the pass; the timers of uvloop count milliseconds.
PART = 0.125
LEAST_WAIT_SECONDS = 0.001
MOST_SKIPPED = 64


class ReturningCallers:
    """Waits until as many requests are there as were at once in the last pass and its queue.

    Callers that send their next request after an answer would otherwise form two groups: one in
    a pass, one in the queue, and each pass would have half of the rows. A wait that was in vain
    is followed by passes without one: 1, then 2, up to MOST_SKIPPED.
    """

    def __init__(self) -> None:
        self._wanted = 0
        self._timer: asyncio.TimerHandle | None = None
        self._in_vain = self._skip = 0

    def expect(self, requests: int, pass_seconds: float, proceed: Callable[[], None]) -> None:
        """Wait for so many requests, whose pass takes so long; `proceed` ends the wait."""
        if pass_seconds < LEAST_PASS_SECONDS or requests < 2:
            return
        if self._skip:
            self._skip -= 1
            return
        self._wanted = requests
        wait = max(LEAST_WAIT_SECONDS, PART * pass_seconds)
        self._timer = asyncio.get_running_loop().call_later(wait, self._give_up, proceed)

    def awaited(self, waiting: int) -> bool:
        """Whether more requests than those that wait are expected soon."""
        if self._timer is None:
            return False
        if waiting < self._wanted:
            return True
        self._timer.cancel()
        self._timer = None
        self._in_vain = 0
        return False

    def _give_up(self, proceed: Callable[[], None]) -> None:
        self._timer = None
        self._in_vain = self._skip = min(MOST_SKIPPED, 2 * self._in_vain + 1)
        proceed()
