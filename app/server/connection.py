"""Closes connections whose client sends no request or reads no answer."""

import asyncio
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.server.http_answer import Exchange
from app.server.lingering_close import Lingering
from app.server.refusal import Refusal

VERSIONS = ("1.1", "1.0")


class Connection(HttpToolsProtocol):
    """uvicorn's protocol with limits for three cases in which it closes never, or too early.

    A connection without a request is closed after `timeout_keep_alive`, as one between two
    requests. A client that reads nothing of an answer for `read_timeout` seconds is cut off.
    A client that still sends after the last answer is read from for no longer than that
    (app/server/lingering_close.py).
    """

    transport: Lingering

    def __init__(self, *args: Any, read_timeout: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_timeout = read_timeout
        self._stalled: asyncio.TimerHandle | None = None
        self._idle_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = Lingering(
            transport, self.flow, self.loop, self._read_timeout, self.is_sending
        )
        self._begin_idle()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unset_keepalive_if_required()
        self._unset_stalled()
        super().connection_lost(exc)
        self.transport.forget()

    def is_sending(self) -> bool:
        """Whether the client may still send bytes that no request will read."""
        return bool(self.pipeline) or self.flow.read_paused

    def make_exchange(self) -> Exchange:
        """An Exchange for the headers just parsed, in place of uvicorn's RequestResponseCycle."""
        scope, version = self.scope, self.parser.get_http_version()
        if version not in VERSIONS:
            detail = f"HTTP/{version} in the first line; this connection speaks HTTP/1.1"
            raise Refusal(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, detail)
        scope["path"], scope["raw_path"], scope["query_string"] = _parts_of(self.url)
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["http_version"] = version
        exchange = Exchange(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        exchange.idle_seconds = self.timeout_keep_alive
        return exchange

    def start(self, exchange: Exchange) -> None:
        """Let the application answer the request."""
        self._start_asgi_task(exchange, self.app)

    @property
    def is_idle(self) -> bool:
        """Whether no request is unanswered."""
        return self.cycle is None or self.cycle.response_complete

    def on_response_complete(self) -> None:
        # uvicorn's own sets a timer after each answer and cancels it at the next request.
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            self._watch_the_rest()
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._begin_idle()

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        if not self.is_idle:
            # The end of the answer sets the timer again.
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._look_again_after(left)
        else:
            super().timeout_keep_alive_handler()
            self._watch_the_rest()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        self._unset_stalled()
        super().resume_writing()
        if self.transport.is_closing():
            self._watch_the_rest()

    def _begin_idle(self) -> None:
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_again_after(self.timeout_keep_alive)

    def _look_again_after(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def _watch_the_rest(self) -> None:
        # A closing transport waits without limit until the client has read everything.
        if self._stalled is None and self.transport.get_write_buffer_size():
            self._watch_reader()

    def _watch_reader(self, unsent_before: int | None = None) -> None:
        unsent = self.transport.get_write_buffer_size()
        # A slow client may go on; a client that has read nothing since the last check may not.
        if unsent == unsent_before:
            self.transport.abort()
            return
        self._stalled = self.loop.call_later(self._read_timeout, self._watch_reader, unsent)

    def _unset_stalled(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


@lru_cache(maxsize=64)
def _parts_of(url: bytes) -> tuple[str, bytes, bytes]:
    """Path, raw path and query; cached, because most requests have the same few URLs."""
    parsed = httptools.parse_url(url)
    # A proxy may send the absolute form http://host, which has no path.
    raw_path = parsed.path or b"/"
    path = raw_path.decode("ascii")
    return unquote(path) if "%" in path else path, raw_path, parsed.query or b""


def path_of(url: bytes) -> str:
    """The path of a target, also of one that is cut off or not valid."""
    try:
        return _parts_of(url)[0]
    except httptools.HttpParserInvalidURLError:
        return url.partition(b"?")[0].decode("latin-1")
