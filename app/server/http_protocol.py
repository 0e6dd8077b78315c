"""A request on its way in: uvicorn's HTTP/1.1, with deadlines and limits."""

import asyncio
import fcntl
import logging
import termios
from array import array
from collections import deque
from enum import Enum
from http import HTTPStatus
from operator import countOf, itemgetter
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.predict import MOST_DIGITS
from app.server.connection import Connection
from app.server.refusal import Refusal
from app.settings import Settings

logger = logging.getLogger("app.http")
_name_of = itemgetter(0)
# A deadline that is noticed so much too late: the event loop was blocked, or the process stopped.
STALL_SECONDS = 0.1
# Requests of one connection that wait for the answer to another. One packet may bring thousands,
# which would all be read before anybody else is heard.
MOST_WAITING = 256


def unread_bytes(transport: asyncio.Transport) -> int:
    """How many have arrived on a socket, and are still the kernel's."""
    count = array("i", [0])
    fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.FIONREAD, count)
    return count[0]


class Part(Enum):
    """What of a request is arriving; each has a deadline."""

    HEAD = "headers"
    BODY = "body"


# Each request asks several times, and an Enum looks its members up slowly.
HEAD, BODY = Part


class Protocol(Connection):
    """A request arrives whole within its deadlines and limits, or is refused and cut off.

    What the parser cannot read gets 400, headers over the limit 431, and what is late 408, as
    problem details; only a close where an answer would seem to be another request's. Other
    than uvicorn's own, it asks for one Host (RFC 9112, 3.2), keeps trailers out of the headers,
    and ignores an offer to upgrade (RFC 9110, 7.8), which Java's client makes with each request.
    """

    def __init__(self, *args: Any, settings: Settings, **kwargs: Any) -> None:
        super().__init__(*args, read_timeout=settings.body_timeout_seconds, **kwargs)
        self._header_limit = settings.max_header_bytes
        self._seconds = {
            HEAD: settings.header_timeout_seconds,
            BODY: settings.body_timeout_seconds,
        }
        self._part: Part | None = None
        # Bytes since the last of a body: headers, chunk extensions, trailers.
        self._overhead = 0
        # Some of what is read now came behind the end of an earlier request.
        self._behind = False
        self._refused = False
        self._deadline: asyncio.TimerHandle | None = None
        # Older than uvicorn's own `cycle`, where a client asks on without waiting.
        self._earlier: deque[RequestResponseCycle] = deque()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unset_deadline()
        # uvicorn tells the newest only: the others would write to a transport that is closed.
        for cycle in self._earlier:
            self.abandon(cycle)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused or self.transport.lingers:
            self.transport.discard(len(data))
            return
        if self._part is None:
            self._behind = False
        self._overhead += len(data)
        try:
            while data:
                try:
                    self.parser.feed_data(data)
                    break
                except httptools.HttpParserUpgrade as offer:
                    data = self._without_the_offer() + data[offer.args[0] :]
        except httptools.HttpParserError as error:
            self._refuse(Refusal.of(error))
            return
        if self._part is not None:
            self._expect_the_rest()

    def on_message_begin(self) -> None:
        self._part = HEAD
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name == b"content-length" and len(value) > MOST_DIGITS:
            # The parser lets any number of leading zeros pass; Python reads no such number.
            raise Refusal(HTTPStatus.BAD_REQUEST, f"a Content-Length of {len(value)} digits")
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        many = self._behind or self._overhead > self._header_limit
        if many and self._head_bytes() > self._header_limit:
            raise self._too_large()
        hosts = countOf(map(_name_of, self.headers), b"host")
        if hosts != 1 and (hosts or self.parser.get_http_version() == "1.1"):
            raise Refusal(HTTPStatus.BAD_REQUEST, f"{hosts} Host headers; send one")
        if self.pipeline and len(self.pipeline) >= MOST_WAITING:
            # Those that wait are answered; after them, the end.
            detail = f"more than {MOST_WAITING} requests that wait for an answer"
            raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, detail)
        if self._deadline is not None:
            self._unset_deadline()
        before = self.cycle
        # Raises for an address that the parser lets pass: until then it is all as it was.
        self.cycle = exchange = self.make_exchange()
        self._part = BODY
        # Trailers come as headers, and are not.
        self.headers = []
        if before is None or before.response_complete:
            self.start(exchange)
        else:
            self._earlier.append(before)
            # Its answer is not the last one, whatever the service is about to do.
            before.scope["followed"] = True  # type: ignore[typeddict-unknown-key]
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, self.app))

    def on_message_complete(self) -> None:
        # After headers that were not taken, for their offer to upgrade, all is still to be read.
        if self._part is BODY:
            if self._deadline is not None:
                self._unset_deadline()
            self._part = None
            self._overhead = 0
            self._behind = True
            super().on_message_complete()

    def on_response_complete(self) -> None:
        while self._earlier and self._earlier[0].response_complete:
            self._earlier.popleft()
        super().on_response_complete()
        if self.pipeline:
            self.flow.pause_reading()

    @property
    def is_idle(self) -> bool:
        """Whether no request has begun to arrive that is not answered."""
        return self._part is None and super().is_idle

    def shutdown(self) -> None:
        # What has begun to arrive is still answered, and what the kernel has of it counts.
        if self.transport.is_closing():
            return
        if not self.is_idle:
            if self.cycle is not None:
                self.cycle.keep_alive = False
        elif not unread_bytes(self.transport):
            self.transport.close()

    def _expect_the_rest(self) -> None:
        if self._part is BODY and (self.cycle.body or self.cycle.response_complete):
            self._overhead = 0
        elif self._overhead > self._header_limit:
            self._refuse(self._too_large())
            return
        if self._deadline is None and self._part is not None:
            self._set_deadline(self._seconds[self._part], self._part)

    def _set_deadline(self, seconds: float, part: Part) -> None:
        due = self.loop.time() + seconds
        self._deadline = self.loop.call_later(seconds, self._late, part, due)

    def _late(self, part: Part, due: float) -> None:
        self._deadline = None
        if (stood_still := self.loop.time() - due) > STALL_SECONDS:
            # What came meanwhile is still to be read: our own delay is not the client's.
            self._set_deadline(stood_still, part)
            return
        if self.pipeline or self.flow.read_paused:
            # It is not the client that keeps us waiting.
            self._expect_the_rest()
            return
        detail = f"the {part.value} did not arrive within {self._seconds[part]:g} s"
        self._refuse(Refusal(HTTPStatus.REQUEST_TIMEOUT, detail))

    def _refuse(self, refusal: Refusal) -> None:
        if self.transport.is_closing():
            return
        self._refused = True
        logger.warning("refused: %s", refusal)
        before: RequestResponseCycle | None = self.cycle
        if self._part is BODY:
            before = self._earlier[-1] if self._earlier else None
            if self.pipeline and self.pipeline[0][0] is self.cycle:
                self.pipeline.popleft()
        if before is not None and not before.response_complete:
            # Its answer is still to come; after it, the end.
            before.keep_alive = False
            return
        if self._part is not BODY or not self.cycle.response_started:
            # For the application, which has seen the headers, and will see the client leave.
            self.scope["answered"] = int(refusal.status)  # type: ignore[typeddict-unknown-key]
            self.transport.write(refusal.render())
        if self._part is BODY:
            self.abandon(self.cycle)
        self.transport.close()

    def abandon(self, exchange: RequestResponseCycle) -> None:
        """Tell the application that nobody waits for its answer any more."""
        exchange.disconnected = True
        exchange.message_event.set()

    def is_sending(self) -> bool:
        return self._part is not None or self._refused or super().is_sending()

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _too_large(self) -> Refusal:
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        return Refusal(status, f"more than {self._header_limit} bytes of headers")

    def _without_the_offer(self) -> bytes:
        """The headers just read, without the offer to upgrade, to be read again."""
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if method == b"CONNECT":
            # An offer by its name, which would never go.
            raise httptools.HttpParserError("CONNECT is not for a server")
        lines = [b"%b %b HTTP/%b" % (method, self.url, version.encode())]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return b"\r\n".join([*lines, b"", b""])

    def _unset_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
