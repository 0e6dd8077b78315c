"""Request ids: the client's `X-Request-ID`, or a random one."""

import os
import re
from collections.abc import Iterable, Iterator

from app.predict import RawHeader

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
ID_BYTES = 16
# Read from the kernel at once: a call for each id would double the time of a request.
BLOCK_IDS = 256


class RequestIds:
    """Ids of 128 random bits, which cannot be guessed from earlier ids."""

    def __init__(self) -> None:
        self.start_anew()

    def start_anew(self) -> None:
        """To be called in a forked process: two processes must not use the same block."""
        self._ids = _random_ids()

    def make(self) -> bytes:
        """A new id; only for the event loop's thread."""
        return next(self._ids)

    def of(self, headers: Iterable[RawHeader]) -> bytes:
        for name, value in headers:
            # Only ids that are safe in a log and a header; others are replaced, not refused.
            if name == b"x-request-id" and REQUEST_ID.fullmatch(value):
                return value
        return next(self._ids)


def _random_ids() -> Iterator[bytes]:
    while True:
        block = os.urandom(BLOCK_IDS * ID_BYTES).hex().encode()
        for start in range(0, len(block), 2 * ID_BYTES):
            yield block[start : start + 2 * ID_BYTES]
