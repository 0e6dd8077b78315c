"""A connection to PostgreSQL that ends after a time, whatever the server does or does not do."""

import contextlib
import os
import re
import socket
import threading
import time
from typing import Any, Self

import psycopg

# Another process may give its connection back: each holds one for a transaction only.
FULL = re.compile("too many (clients|connections)|connection slots")
MOST_WAITING_SECONDS = 2
PAUSE_SECONDS = 0.05


class TimedConnection(psycopg.Connection[Any]):
    """Used for one transaction. One that waits for an answer when the time is over fails.

    The server's own limits end nothing on a server that stands still, and TCP's nothing on one
    whose kernel, or a proxy, takes what it is sent.
    """

    _seconds = 0.0
    _expired = False

    @classmethod
    def open(cls, seconds: float, *arguments: Any, **options: Any) -> Self:
        """Connect as `connect` does, again where the server has no place just now."""
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
            # libpq has it that the server closed the connection.
            raise psycopg.OperationalError(f"no answer within {self._seconds:g} s") from None

    def close(self) -> None:
        self._timer.cancel()
        self._wire.close()
        super().close()

    def _expire_after(self, seconds: float) -> None:
        self._seconds = seconds
        # Of its own number: the other is libpq's to close, and may soon be another file's.
        self._wire = socket.socket(fileno=os.dup(self.fileno()))
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def _expire(self) -> None:
        self._expired = True
        # It may just have been closed.
        with contextlib.suppress(OSError):
            self._wire.shutdown(socket.SHUT_RDWR)
