"""Which request is which: the caller's `X-Request-ID`, or one of our own."""

import itertools
import re
import secrets
from collections.abc import Iterable

from app.exchange import RawHeader

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")


class RequestIds:
    """Unique, not secret: a random start for each process, before its count."""

    def __init__(self) -> None:
        self.start_anew()

    def start_anew(self) -> None:
        """For a process that was forked: no two may count from one start."""
        self._prefix = secrets.token_hex(12).encode()
        self._count = itertools.count()

    def of(self, headers: Iterable[RawHeader]) -> bytes:
        for name, value in headers:
            # Only what is safe in a log and a header; anything else is replaced, not refused.
            if name == b"x-request-id" and REQUEST_ID.fullmatch(value):
                return value
        return b"%b%08x" % (self._prefix, next(self._count))
