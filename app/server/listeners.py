"""Listeners of the listening sockets: accept connections, and at shutdown the waiting ones."""

import asyncio
import ctypes
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress

# For each socket: the number of connections accepted in one iteration of the event loop.
LISTENERS = 8
# From Linux's headers; the module socket lacks them.
SO_ATTACH_FILTER = 26
SO_DETACH_FILTER = 27
# A program of the kernel's packet filter (linux/filter.h): each instruction is a code, two jumps
# and a number. It drops a segment with SYN and without ACK, which begins a connection.
NO_SYN = b"".join(
    struct.pack("=HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, 13),  # load the byte of the flags
        (0x54, 0, 0, 0x12),  # keep SYN and ACK
        (0x15, 0, 1, 0x02),  # only SYN?
        (0x06, 0, 0, 0),  # drop it
        (0x06, 0, 0, 0xFFFF),  # accept it
    )
)


class Listeners:
    """Adds listeners to the `servers` of uvicorn, on the same sockets."""

    def __init__(
        self, servers: list[asyncio.Server], protocol: Callable[[], asyncio.Protocol], backlog: int
    ) -> None:
        self._servers = servers
        self._sockets = [shared.dup() for server in servers for shared in server.sockets]
        self._protocol = protocol
        self._backlog = backlog

    async def share(self) -> None:
        """Share each listening socket among several listeners.

        libuv accepts one connection per listener in an iteration of the event loop. Under load
        an iteration answers hundreds of requests: the last of 200 new clients waited 0.5 s.
        """
        loop = asyncio.get_running_loop()
        for shared in self._sockets * (LISTENERS - 1):
            # listen() again sets the backlog again, of the queue that all listeners share.
            listener = loop.create_server(self._protocol, sock=shared.dup(), backlog=self._backlog)
            self._servers.append(await listener)

    async def close(self) -> None:
        """Accept all connections that wait in the kernel, and let the kernel make no more."""
        for server in self._servers:
            server.close()
        waiting = [client for listener in self._sockets for client in self._take_all(listener)]
        loop = asyncio.get_running_loop()
        for client in waiting:
            # The client may have closed the connection already.
            with suppress(OSError):
                await loop.connect_accepted_socket(self._protocol, client)

    def _take_all(self, listener: socket.socket) -> Iterator[socket.socket]:
        # All workers share the socket of a path, and some may still serve.
        own = listener.family != socket.AF_UNIX
        if own:
            refuse_new(listener)
        listener.setblocking(False)
        # Bounded, because new clients may connect without end.
        for _ in range(self._backlog + 1):
            try:
                client, _ = listener.accept()
            except ConnectionAbortedError:
                continue
            except OSError:
                # No connection waits, or no file descriptor is left.
                break
            client.setblocking(False)
            yield client
        if own:
            # close() alone has no effect while another process holds the socket open.
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RD)
        listener.close()


def refuse_new(listener: socket.socket) -> None:
    """Let the kernel make no more connections; those already made can still be accepted.

    A close alone would reset a connection made between the last accept and the close, although
    its request may already be sent. A dropped client tries again a second later, and is refused
    or reaches another server. On a system without this filter, nothing changes.
    """
    program = ctypes.create_string_buffer(NO_SYN, len(NO_SYN))
    # struct sock_fprog: the number of instructions, and their address.
    pointer = struct.pack("@HP", len(NO_SYN) // 8, ctypes.addressof(program))
    with suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, pointer)


def take_new(listener: socket.socket) -> None:
    """Let the kernel make connections again: another process had the socket, and ended."""
    # An error says that there is no filter.
    with suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
