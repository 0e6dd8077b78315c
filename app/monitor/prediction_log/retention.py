"""Which rows are old enough to delete, by a clock that may be wrong for a while."""

import logging
import time
from collections.abc import Callable

logger = logging.getLogger("app.log")
DAY_SECONDS = 86_400
PURGE_SECONDS = 60
# A clock that moves by more than this was set, and is not believed for a while.
JUMP_SECONDS, DOUBT_SECONDS = 60, 3600

Clock = Callable[[], float]


class Retention:
    """Rows older than `days` are deleted, but none while the clock is in doubt: one that is set
    too far ahead would make all rows old."""

    def __init__(
        self, days: float, clock: Clock = time.time, steady: Clock = time.monotonic
    ) -> None:
        self._seconds = days * DAY_SECONDS
        self._clock, self._steady = clock, steady
        self._ahead = clock() - steady()
        self._next = steady()

    def due(self) -> float | None:
        """The time before which rows are too old, in seconds as time.time() has them; None until
        the next look."""
        now, steady = self._clock(), self._steady()
        jump = now - steady - self._ahead
        self._ahead += jump
        if abs(jump) > JUMP_SECONDS:
            logger.warning(
                "the clock moved by %.0f s: no rows are deleted for %d s", jump, DOUBT_SECONDS
            )
            self._next = steady + DOUBT_SECONDS
        return now - self._seconds if steady >= self._next else None

    def done(self) -> None:
        """No older rows are left."""
        self._next = self._steady() + PURGE_SECONDS
