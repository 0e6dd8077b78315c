"""A connection that nobody asks anything on, or reads from, has an end."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Connection(HttpToolsProtocol):
    """uvicorn's, for two cases that it leaves open for ever.

    Who connects and never asks is held as long as who has asked once: `timeout_keep_alive`.
    Who takes nothing of an answer for `read_timeout` seconds is cut off.
    """

    def __init__(self, *args: Any, read_timeout: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_timeout = read_timeout
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def connection_lost(self, exc: Exception | None) -> None:
        self._unset_keepalive_if_required()
        self._unset_stalled()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        self._unset_stalled()
        super().resume_writing()

    def _watch_reader(self, unsent_before: int | None = None) -> None:
        unsent = self.transport.get_write_buffer_size()
        # A slow reader is well: only one that took nothing since the last look is cut off.
        if unsent == unsent_before:
            self.transport.abort()
            return
        self._stalled = self.loop.call_later(self._read_timeout, self._watch_reader, unsent)

    def _unset_stalled(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
