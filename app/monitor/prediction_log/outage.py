"""Log once when the database fails, and once when it works again."""

import logging
import threading
from typing import Literal

logger = logging.getLogger("app.log")
Kind = Literal["reading", "writing"]


class Outage:
    """Reading and writing are separate, since a database can become read-only.

    Threads may share it: the writer's, and those that read for a request.
    """

    def __init__(self) -> None:
        self._failing: set[Kind] = set()
        self._lock = threading.Lock()

    def begin(self, kind: Kind, reason: str) -> None:
        with self._lock:
            if not self._failing:
                logger.error("the prediction log's database fails: %s", reason)
            self._failing.add(kind)

    def end(self, kind: Kind) -> None:
        """Successful writing ends both outages, successful reading only that of reading."""
        with self._lock:
            if not self._failing:
                return
            self._failing -= {"reading", kind}
            if not self._failing:
                logger.warning("the prediction log's database works again")
