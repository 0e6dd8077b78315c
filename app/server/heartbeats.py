"""Whether each worker's event loop still turns: it writes the time, the supervisor reads it."""

import asyncio
import mmap
import time

# How often a worker writes the time, at most; an idle process is to sleep.
PERIOD_SECONDS = 1.0


class Heartbeats:
    """Made before the fork: the memory is shared. Times are of time.monotonic(), as all have it.

    A forward pass in a thread stops no loop, however long it takes.
    """

    def __init__(self, workers: int, timeout: float) -> None:
        """`timeout` is in seconds; 0 for none: then nobody is ever silent."""
        self.timeout = timeout
        # Four in a timeout: one may be late.
        self.period = min(PERIOD_SECONDS, timeout / 4) if timeout else PERIOD_SECONDS
        self._beats = memoryview(mmap.mmap(-1, 8 * workers)).cast("d")
        self._looked = self._since = 0.0

    def beat(self, slot: int, now: float | None = None) -> None:
        self._beats[slot] = time.monotonic() if now is None else now

    def keep_beating(self, slot: int) -> None:
        """From now on, as long as the running event loop does."""
        self.beat(slot)
        if self.timeout:
            asyncio.get_running_loop().call_later(self.period, self.keep_beating, slot)

    def silent(self, now: float | None = None) -> list[int]:
        """Who has not beaten for the timeout; to be asked every `period`.

        Where nobody asked for half the timeout, the machine or the supervisor stood still, and
        maybe the workers with it: then all have the time once more.
        """
        if not self.timeout:
            return []
        now = time.monotonic() if now is None else now
        if now - self._looked > self.timeout / 2:
            self._since = now
        self._looked = now
        return [
            slot
            for slot, beat in enumerate(self._beats)
            if now - max(beat, self._since) > self.timeout
        ]
