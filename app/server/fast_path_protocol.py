"""Gives ordinary requests to the fast path, and all others to the application."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.server.fast_request import FastRequest
from app.server.http_answer import Exchange
from app.server.http_protocol import Protocol
from app.server.predict_fast_path import FastPath


class FastPathProtocol(Protocol):
    """A Protocol that holds an ordinary request until its body is complete, then answers it."""

    def __init__(self, *args: object, fast_path: FastPath, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._fast_path = fast_path
        self._held: FastRequest | None = None

    def start(self, exchange: Exchange) -> None:
        if (
            self.url == self._fast_path.url
            and exchange.scope["method"] == "POST"
            and not exchange.waiting_for_100_continue
            and not self.flow.write_paused
        ):
            self._held = self._fast_path.begin(exchange)
            if self._held is not None:
                return
        super().start(exchange)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # After the whole packet is parsed: bytes after the request may be malformed.
        if self._held is not None and not self._held.exchange.more_body:
            held, self._held = self._held, None
            self._fast_path.answer(held, super().start)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._hand_held_on()

    def abandon(self, exchange: RequestResponseCycle) -> None:
        super().abandon(exchange)
        self._hand_held_on()

    def _hand_held_on(self) -> None:
        if self._held is not None:
            # The application logs that the client left, or the refusal.
            held, self._held = self._held, None
            super().start(held.exchange)
