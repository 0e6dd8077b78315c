"""One keep-alive connection, with at most one request in flight."""

import asyncio
from collections.abc import Callable
from typing import cast

import httptools


class Connection(asyncio.Protocol):
    """Calls `on_answer` with itself and the status, or None if the connection closed before it.

    Times are those of the caller's clock: `due` when the request should have been sent, `sent`
    when it was; both 0 while no request is in flight.
    """

    def __init__(
        self, message: bytes, on_answer: Callable[["Connection", int | None], None]
    ) -> None:
        self._message = message
        self._on_answer = on_answer
        self._parser = httptools.HttpResponseParser(self)
        self._complete = False
        self.open = False
        self.due = self.sent = 0.0

    def send(self, due: float, now: float) -> None:
        self.due, self.sent = due, now
        self._transport.write(self._message)

    def abort(self) -> None:
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.open = True

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.abort()
            return
        if self._complete:
            self._complete = False
            if not self.open:
                self._transport.close()
            self._on_answer(self, self._parser.get_status_code())

    def on_message_complete(self) -> None:
        # Informational answers (1xx) come before the one that counts.
        self._complete = self._parser.get_status_code() >= 200
        # The parser knows it only during this call.
        self.open = self._parser.should_keep_alive()

    def connection_lost(self, _: Exception | None) -> None:
        self.open = False
        if self.sent:
            self._on_answer(self, None)
