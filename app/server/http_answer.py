"""Sends the answer to one request, in one write if it is complete."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from app.predict import Headers, RawHeader

Body = bytes | memoryview
# uvloop writes a single buffer at once; for several it needs a write request and a callback.
SMALL_BYTES = 64 * 1024
CLOSED = b"connection: close\r\n\r\n"
KEPT = b"connection: keep-alive\r\nkeep-alive: timeout=%d\r\n\r\n"


class Exchange(RequestResponseCycle):
    """uvicorn's RequestResponseCycle, which alone would send head and body in two packets.

    As ASGI requires, the head waits for the body. uvicorn sends answers in several parts, and
    checks unusual headers.
    """

    # The headers of the request; of a repeated one only the last.
    fields: Headers
    _start: Any = None
    # The keep-alive timeout in seconds, which answers announce.
    idle_seconds = 0

    async def send(self, message: Any) -> None:
        if self.response_started:
            await super().send(message)
        elif message["type"] == "http.response.start":
            self._start = message
        elif self._start is None or not self._send_whole(self._start, message):
            if self._start is not None:
                await super().send(self._announcing(self._start))
            await super().send(message)

    def answer(self, status: int, headers: bytes, body: Body) -> None:
        """Send a whole answer with valid header lines; the connection stays open."""
        self._finish(self._head(status, headers), body)
        # An idle connection keeps its last exchange.
        self.body.clear()
        # Breaks the reference cycle with the connection, as the end of a task would.
        self.on_response = _nothing

    def _head(self, status: int, headers: bytes) -> bytes:
        end = _kept(self.idle_seconds) if self.keep_alive else CLOSED
        return b"".join((STATUS_LINE[status], header_lines(self.default_headers), headers, end))

    def _finish(self, head: bytes, body: Body) -> None:
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        if len(body) <= SMALL_BYTES:
            self.transport.write(b"".join((head, body)))
        else:
            self.transport.writelines([head, body])
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()

    def _send_whole(self, start: Any, message: Any) -> bool:
        """Send the answer if it is complete and its length is as declared; whether it was sent."""
        if message.get("more_body", False) or self.flow.write_paused or self.disconnected:
            return False
        headers, body = start["headers"], message.get("body", b"")
        if (b"content-length", b"%d" % len(body)) not in headers or self.scope["method"] == "HEAD":
            return False
        if (b"connection", b"close") in headers:
            self.keep_alive = False
            headers = [header for header in headers if header[0] != b"connection"]
        head = self._head(start["status"], header_lines(headers))
        ends = len(self.default_headers) + len(headers) + (4 if self.keep_alive else 3)
        if head.count(b"\n") != ends or head.count(b"\r") != ends:
            return False
        self._finish(head, body)
        return True

    def _announcing(self, start: Any) -> Any:
        """The start message with the connection headers that `_head` writes."""
        headers = start["headers"]
        if not self.keep_alive or (b"connection", b"close") in headers:
            return start
        idle = (b"keep-alive", b"timeout=%d" % self.idle_seconds)
        return start | {"headers": [*headers, (b"connection", b"keep-alive"), idle]}


def header_lines(headers: Iterable[RawHeader]) -> bytes:
    """The lines of these headers as sent."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


@cache
def _kept(idle_seconds: int) -> bytes:
    return KEPT % idle_seconds


def _nothing() -> None:
    pass
