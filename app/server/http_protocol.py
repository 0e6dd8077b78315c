"""Receives requests: uvicorn's HTTP/1.1 with deadlines and limits."""

import asyncio
import logging
from collections import deque
from enum import Enum
from http import HTTPStatus

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.server.connection import Connection, path_of
from app.server.lingering_close import unread_bytes
from app.server.refusal import Refusal
from app.server.request_head import fields_of, head_bytes, without_offer
from app.settings import Settings

logger = logging.getLogger("app.http")
# A deadline handled later than this was delayed by a blocked event loop or a stopped process.
STALL_SECONDS = 0.1
# Requests of one connection that wait for earlier answers. One packet may contain thousands,
# which would all be parsed before other connections are read.
MOST_WAITING = 256
# Around the bytes of one chunk: 16 digits of its size, and two ends of lines.
FRAMING = 20


class Part(Enum):
    """The part of a request that is arriving; each has a deadline."""

    HEAD = "headers"
    BODY = "body"


# Used several times for each request, and access to an Enum's members is slow.
HEAD, BODY = Part


class Protocol(Connection):
    """Refuses requests that do not arrive whole within their deadlines and limits.

    Malformed requests get 400, headers, chunk extensions and trailers over the limit 431, late
    requests 408, and unknown transfer codings 501, in the format of the path; the connection only
    closes if an answer would seem to be another request's. Unlike uvicorn's own, it requires one
    Host header (RFC 9112, 3.2), which an absolute target replaces (3.2.2), keeps trailers out of
    the headers, and ignores an offer to upgrade (RFC 9110, 7.8), which Java's client sends with
    each request.
    """

    def __init__(self, *args: object, settings: Settings, **kwargs: object) -> None:
        super().__init__(*args, read_timeout=settings.body_timeout_seconds, **kwargs)
        self._header_limit = settings.max_header_bytes
        self._seconds = {HEAD: settings.header_timeout_seconds, BODY: settings.body_timeout_seconds}
        self._part: Part | None = None
        # Bytes of the request that are not its body: headers, chunk extensions, trailers.
        self._overhead = 0
        # Whether the data being parsed began with the end of an earlier request.
        self._behind = False
        self._refused = False
        self._deadline: asyncio.TimerHandle | None = None
        # Pipelined requests that are older than uvicorn's `cycle`.
        self._earlier: deque[RequestResponseCycle] = deque()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unset_deadline()
        # uvicorn notifies only the newest: the others would write to a closed transport.
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
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        many = self._behind or self._overhead > self._header_limit
        if many and head_bytes(self.url, self.headers) > self._header_limit:
            raise self._too_large()
        version = self.parser.get_http_version()
        fields = fields_of(self.url, self.headers, version)
        expects = fields.get(b"expect", b"").lower() == b"100-continue"
        self.expect_100_continue = expects and version != "1.0"
        if self.pipeline and len(self.pipeline) >= MOST_WAITING:
            # The waiting requests are answered; then the connection closes.
            detail = f"more than {MOST_WAITING} requests that wait for an answer"
            raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, detail)
        if self._deadline is not None:
            self._unset_deadline()
        before = self.cycle
        # Raises for a URL that only the parser accepts, so no state is changed before.
        self.cycle = exchange = self.make_exchange()
        exchange.fields = fields
        self._part = BODY
        # The parser reports trailers as headers; they must not be added to the request's.
        self.headers = []
        if before is None or before.response_complete:
            self.start(exchange)
        else:
            self._earlier.append(before)
            # Its answer does not close the connection, even if the service drains.
            before.scope["followed"] = True  # type: ignore[typeddict-unknown-key]
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, self.app))

    # uvicorn's own asks the parser about an upgrade for each chunk.
    def on_body(self, body: bytes) -> None:
        self._overhead -= len(body) + FRAMING
        exchange = self.cycle
        if not exchange.response_complete:
            exchange.body += body
            if len(exchange.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            exchange.message_event.set()

    def on_message_complete(self) -> None:
        # Headers with an offer to upgrade are parsed again, so this is not the end of a request.
        if self._part is BODY:
            if self.headers and head_bytes(b"", self.headers) > self._header_limit:
                raise self._too_large()
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
        """Whether each request that has begun to arrive is answered."""
        return self._part is None and super().is_idle

    def shutdown(self) -> None:
        # A request that has begun to arrive is answered, also if its bytes are in the kernel.
        if self.transport.is_closing():
            return
        if not self.is_idle:
            if self.cycle is not None:
                self.cycle.keep_alive = False
        elif not unread_bytes(self.transport):
            self.transport.close()

    def _expect_the_rest(self) -> None:
        if self._overhead > self._header_limit:
            self._refuse(self._too_large())
            return
        # A large chunk that arrives in several reads does not make room for later bytes.
        self._overhead = max(0, self._overhead)
        if self._deadline is None and self._part is not None:
            self._set_deadline(self._seconds[self._part], self._part)

    def _set_deadline(self, seconds: float, part: Part) -> None:
        due = self.loop.time() + seconds
        self._deadline = self.loop.call_later(seconds, self._late, part, due)

    def _late(self, part: Part, due: float) -> None:
        self._deadline = None
        if (stood_still := self.loop.time() - due) > STALL_SECONDS:
            # Bytes that arrived during the delay are still unread; the client is not late.
            self._set_deadline(stood_still, part)
            return
        if self.pipeline or self.flow.read_paused:
            # The delay is ours: we do not read.
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
            # The earlier request is answered first; then the connection closes.
            before.keep_alive = False
            return
        if self._part is not BODY or not self.cycle.response_started:
            # For the application, which got the headers and will see a disconnect.
            self.scope["answered"] = int(refusal.status)  # type: ignore[typeddict-unknown-key]
            self.transport.write(refusal.render(path_of(self.url)))
        if self._part is BODY:
            self.abandon(self.cycle)
        self.transport.close()

    def abandon(self, exchange: RequestResponseCycle) -> None:
        """Report to the application that the client no longer waits for an answer."""
        exchange.disconnected = True
        exchange.message_event.set()

    def is_sending(self) -> bool:
        return self._part is not None or self._refused or super().is_sending()

    def _too_large(self) -> Refusal:
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        also = ", chunk extensions and trailers" if self._part is BODY else ""
        return Refusal(status, f"more than {self._header_limit} bytes of headers{also}")

    def _without_the_offer(self) -> bytes:
        """The headers just parsed, without the offer to upgrade, to be parsed again."""
        head = without_offer(self.parser, self.url, self.headers)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return head

    def _unset_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
