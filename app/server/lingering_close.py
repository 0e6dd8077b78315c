"""Closes a connection in such a way that the client can still read its last answer."""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl

# As nginx's lingering_timeout: a client that sends nothing for so long has stopped.
SILENCE_SECONDS = 5.0
# What is read and thrown away of one connection: 8 times the largest body of the defaults.
MOST_BYTES = 256 * 2**20


class Lingering(asyncio.Transport):
    """A transport that reads on, within limits, before it closes on a client that still sends.

    To close while bytes are unread resets the connection, and the reset takes from the client
    the answer that it has not read yet (RFC 9112, 9.6). So first our half is closed; then what
    comes is thrown away until the client closes, or is silent, or the limits are reached.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        flow: FlowControl,
        loop: asyncio.AbstractEventLoop,
        longest: float,
        is_sending: Callable[[], bool],
    ) -> None:
        super().__init__()
        self._transport = transport
        self._flow = flow
        self._loop = loop
        self._longest = longest
        self._is_sending: Callable[[], bool] | None = is_sending
        # Each request calls these: without a call of ours between.
        self.write = transport.write  # type: ignore[method-assign]
        self.writelines = transport.writelines  # type: ignore[method-assign]
        self.is_closing = transport.is_closing  # type: ignore[method-assign]
        # Whether it has sent its last byte, and what still comes is to be discarded.
        self.lingers = False
        self._until = 0.0
        self._left = self._left_before = MOST_BYTES
        self._timer: asyncio.TimerHandle | None = None

    def close(self) -> None:
        if self.is_closing():
            return
        if self._is_sending is None or not self._is_sending():
            self._transport.close()
            return
        self.is_closing = _yes  # type: ignore[method-assign]
        self.lingers = True
        self._transport.write_eof()
        self._flow.resume_reading()
        self._until = self._loop.time() + self._longest
        self._wait()

    def discard(self, size: int) -> None:
        """Count so many bytes that came, and are thrown away."""
        self._left -= size
        if self._left < 0:
            self._transport.close()

    def forget(self) -> None:
        """The connection is lost: no timer runs on, and nothing holds the protocol."""
        if self._timer is not None:
            self._timer.cancel()
        self._is_sending = None

    def abort(self) -> None:
        self._transport.abort()

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def _wait(self) -> None:
        seconds = min(SILENCE_SECONDS, max(0.0, self._until - self._loop.time()))
        self._timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        if self._left == self._left_before or self._loop.time() >= self._until:
            self._transport.close()
            return
        self._left_before = self._left
        self._wait()


def _yes() -> bool:
    return True
