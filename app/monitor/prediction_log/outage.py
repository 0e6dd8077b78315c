"""When a database fails, and when it works again: said in the log once each."""

import logging
from typing import Literal

logger = logging.getLogger("app.log")
Kind = Literal["reading", "writing"]


class Outage:
    """What fails may be one kind alone, as writing where the database became read-only."""

    def __init__(self) -> None:
        self._failing: set[Kind] = set()

    def begin(self, kind: Kind, reason: str) -> None:
        if not self._failing:
            logger.error("the prediction log's database fails: %s", reason)
        self._failing.add(kind)

    def end(self, kind: Kind) -> None:
        """Whoever writes reads as well; not all that could be read could be written."""
        if not self._failing:
            return
        self._failing -= {"reading", kind}
        if not self._failing:
            logger.warning("the prediction log's database works again")
