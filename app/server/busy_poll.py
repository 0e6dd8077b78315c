"""The event loop stays awake for a moment where the next request is about to come.

To wake it takes a fifth of the time of a request, whose caller is on this machine and asks again
as soon as it is answered. As Linux does for network devices (SO_BUSY_POLL) and idle processors
(haltpoll), it waits awake, but only after a wait so short: a caller behind a network is mostly
further away than that, and under load the loop does not sleep anyway.
"""

import asyncio
import time

# A caller on the next core takes 60 us from an answer to its next request.
WINDOW_SECONDS = 150e-6


class BusyPoll:
    """One for an event loop."""

    def __init__(self) -> None:
        self._ended = self._until = 0.0
        self._awake = False

    def after(self, started: float, ended: float) -> None:
        """Wait awake after an answer, if the wait before its request was a short one.

        Both are times of time.perf_counter(): when the request came, and when its answer left.
        """
        waited, self._ended = started - self._ended, ended
        if waited < WINDOW_SECONDS:
            self._until = ended + WINDOW_SECONDS
            if not self._awake:
                self._awake = True
                asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        # What is to be called soon keeps the loop from waiting for its sockets.
        if time.perf_counter() < self._until:
            asyncio.get_running_loop().call_soon(self._look)
        else:
            self._awake = False
