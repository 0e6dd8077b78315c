"""A connection to PostgreSQL that is closed after a time limit, even if the server hangs."""

import contextlib
import os
import re
import socket
import threading
import time
from typing import Any, Self

import psycopg

# Another process may free its connection soon: each keeps one for a transaction only.
FULL = re.compile("too many (clients|connections)|connection slots")
MOST_WAITING_SECONDS = 2
PAUSE_SECONDS = 0.05


class TimedConnection(psycopg.Connection[Any]):
    """A connection for one transaction, which fails if it waits for an answer at the time limit.

    The server's own limits do not work if the server hangs, and TCP's do not work if its kernel
    or a proxy still accepts data.
    """

    _seconds = 0.0
    _expired = False

    @classmethod
    def open(cls, seconds: float, *arguments: Any, **options: Any) -> Self:
        """Connect with `connect`, and again if the server has no free connection."""
        deadline = time.monotonic() + min(seconds, MOST_WAITING_SECONDS)
        while True:
            try:
                connection = cls.connect(*arguments, **options)
                break
            except psycopg.OperationalError as error:
                if not FULL.search(str(error)) or time.monotonic() > deadline:
                    raise
            time.sleep(PAUSE_SECONDS)
        connection._expire_after(seconds)
        return connection

    def wait(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().wait(*arguments, **options)
        except psycopg.OperationalError:
            if not self._expired:
                raise
            # libpq reports that the server closed the connection.
            raise psycopg.OperationalError(f"no answer within {self._seconds:g} s") from None

    def close(self) -> None:
        self._timer.cancel()
        self._wire.close()
        super().close()

    def _expire_after(self, seconds: float) -> None:
        self._seconds = seconds
        # A duplicate of the descriptor: libpq closes its own, whose number may be reused.
        self._wire = socket.socket(fileno=os.dup(self.fileno()))
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def _expire(self) -> None:
        self._expired = True
        # The connection may already be closed.
        with contextlib.suppress(OSError):
            self._wire.shutdown(socket.SHUT_RDWR)
