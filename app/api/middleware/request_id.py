"""Which request is which: the caller's `X-Request-ID`, or one of our own."""

import os
import re
from collections.abc import Iterable, Iterator

from app.predict import RawHeader

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
ID_BYTES = 16
# Asked of the kernel at once: for each id alone it would take as long as all else does.
BLOCK_IDS = 256


class RequestIds:
    """128 random bits each: nobody can guess one, however many they have seen."""

    def __init__(self) -> None:
        self.start_anew()

    def start_anew(self) -> None:
        """For a process that was forked: no two may use up one block."""
        self._ids = _random_ids()

    def make(self) -> bytes:
        """Another one; in the event loop's thread alone."""
        return next(self._ids)

    def of(self, headers: Iterable[RawHeader]) -> bytes:
        for name, value in headers:
            # Only what is safe in a log and a header; anything else is replaced, not refused.
            if name == b"x-request-id" and REQUEST_ID.fullmatch(value):
                return value
        return next(self._ids)


def _random_ids() -> Iterator[bytes]:
    while True:
        block = os.urandom(BLOCK_IDS * ID_BYTES).hex().encode()
        for start in range(0, len(block), 2 * ID_BYTES):
            yield block[start : start + 2 * ID_BYTES]
