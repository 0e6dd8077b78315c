"""Ordinary requests leave the connection for the model without the application between."""

import time
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.server.http_answer import Exchange
from app.server.http_protocol import Protocol
from app.server.predict_fast_path import Express


class ExpressProtocol(Protocol):
    """A Protocol that holds back an ordinary request, and answers it when all of it is there."""

    def __init__(self, *args: Any, express: Express, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._express = express
        # Nobody works on it yet: its body is short, and on its way.
        self._held: Exchange | None = None
        self._since = 0.0

    def start(self, exchange: Exchange) -> None:
        ordinary = (
            exchange.scope["method"] == "POST"
            and not exchange.waiting_for_100_continue
            and not self.flow.write_paused
            and self._express.takes(self.url, exchange.scope["headers"])
        )
        if ordinary:
            self._held, self._since = exchange, time.perf_counter()
        else:
            super().start(exchange)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # Not before all is parsed: what follows a request in its packet may spoil it.
        if self._held is not None and not self._held.more_body:
            held, self._held = self._held, None
            self._express.answer(held, self._since, super().start)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._pass_held_on()

    def abandon(self, exchange: RequestResponseCycle) -> None:
        super().abandon(exchange)
        self._pass_held_on()

    def _pass_held_on(self) -> None:
        if self._held is not None:
            # The application writes down who left, and what the rest of the body was refused with.
            held, self._held = self._held, None
            super().start(held)
