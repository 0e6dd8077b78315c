"""Closes a connection so that the client can still read its last answer."""

import asyncio
import fcntl
import termios
from array import array
from collections.abc import Callable

from uvicorn.protocols.http.flow_control import FlowControl

# As nginx's lingering_timeout: a client that sends nothing for this time has stopped.
SILENCE_SECONDS = 5.0
# The most that is discarded of one connection: 8 times the default limit of a body.
MOST_BYTES = 256 * 2**20


def unread_bytes(transport: asyncio.Transport) -> int:
    """The number of received bytes that are still in the kernel's buffer."""
    count = array("i", [0])
    fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.FIONREAD, count)
    return count[0]


class Lingering(asyncio.Transport):
    """A transport that keeps reading, within limits, while the client still sends.

    A close with unread bytes resets the connection, and the client loses the answer that it has
    not read yet (RFC 9112, 9.6). So first our half is closed; then incoming bytes are discarded
    until the client closes, sends nothing for SILENCE_SECONDS, or reaches a limit.
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
        # Every request calls these, so they are bound directly.
        self.write = transport.write  # type: ignore[method-assign]
        self.writelines = transport.writelines  # type: ignore[method-assign]
        self.is_closing = transport.is_closing  # type: ignore[method-assign]
        # Whether the last byte is sent, and incoming bytes are to be discarded.
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
        """Count `size` bytes as discarded; closes the connection beyond MOST_BYTES."""
        self._left -= size
        if self._left < 0:
            self._transport.close()

    def forget(self) -> None:
        """Cancel the timer and drop the reference to the protocol: the connection is lost."""
        if self._timer is not None:
            self._timer.cancel()
        self._is_sending = None

    def abort(self) -> None:
        self._transport.abort()

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size()

    def get_extra_info(self, name: str, default: object = None) -> object:
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
