"""Heartbeats: each worker's event loop writes the time, and the supervisor reads it."""

import asyncio
import mmap
import time

# The shortest interval between two heartbeats; an idle process should sleep.
PERIOD_SECONDS = 1.0


class Heartbeats:
    """Times of time.monotonic() in shared memory; created before the fork.

    A long forward pass delays no heartbeat, because it runs in a thread.
    """

    def __init__(self, workers: int, timeout: float) -> None:
        """`timeout` is in seconds; 0 means that no worker is ever reported as silent."""
        self.timeout = timeout
        # Four heartbeats in a timeout: one may be late.
        self.period = min(PERIOD_SECONDS, timeout / 4) if timeout else PERIOD_SECONDS
        self._beats = memoryview(mmap.mmap(-1, 8 * workers)).cast("d")
        self._looked = self._since = 0.0

    def beat(self, slot: int, now: float | None = None) -> None:
        self._beats[slot] = time.monotonic() if now is None else now

    def keep_beating(self, slot: int) -> None:
        """Write the time every `period`, as long as the running event loop runs."""
        self.beat(slot)
        if self.timeout:
            asyncio.get_running_loop().call_later(self.period, self.keep_beating, slot)

    def silent(self, now: float | None = None) -> list[int]:
        """The workers without a heartbeat for the timeout; to be called every `period`.

        A pause of half the timeout between two calls means that the machine or the supervisor
        was stopped, and perhaps the workers too: then the timeout begins again for all.
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
