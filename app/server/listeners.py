"""The listeners of each socket: how new connections are taken, and the last of them at the end."""

import asyncio
import ctypes
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress

# Of each listening socket: new connections that are taken in one turn of the event loop.
LISTENERS = 8
# Linux's number for it, which the module socket does not have.
SO_ATTACH_FILTER = 26
# A program of the kernel's packet filter (linux/filter.h): each instruction is a code, two jumps
# and a number. It drops what begins a connection, a segment with SYN and without ACK.
NO_SYN = b"".join(
    struct.pack("=HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, 13),  # load the byte of the flags
        (0x54, 0, 0, 0x12),  # keep SYN and ACK
        (0x15, 0, 1, 0x02),  # only SYN?
        (0x06, 0, 0, 0),  # drop it
        (0x06, 0, 0, 0xFFFF),  # take it
    )
)


class Listeners:
    """Adds to the `servers` of uvicorn, each on a socket of its own, others on the same socket."""

    def __init__(
        self,
        servers: list[asyncio.Server],
        protocol: Callable[[], asyncio.Protocol],
        backlog: int,
    ) -> None:
        self._servers = servers
        self._sockets = [shared.dup() for server in servers for shared in server.sockets]
        self._protocol = protocol
        self._backlog = backlog

    async def share(self) -> None:
        """Share each listening socket among several listeners.

        libuv takes one connection from a listener in a turn of the event loop. Under load a turn
        answers hundreds of requests: the last of 200 new clients waited for half a second.
        """
        loop = asyncio.get_running_loop()
        for shared in self._sockets * (LISTENERS - 1):
            # To listen anew sets the backlog anew, of the one queue that all share.
            listener = loop.create_server(self._protocol, sock=shared.dup(), backlog=self._backlog)
            self._servers.append(await listener)

    async def close(self) -> None:
        """Take all connections that the kernel has made, and have it make no more."""
        for server in self._servers:
            server.close()
        waiting = [client for listener in self._sockets for client in self._take_all(listener)]
        loop = asyncio.get_running_loop()
        for client in waiting:
            # It may be gone already.
            with suppress(OSError):
                await loop.connect_accepted_socket(self._protocol, client)

    def _take_all(self, listener: socket.socket) -> Iterator[socket.socket]:
        # Those who hold the socket of a path may be workers that serve on.
        own = listener.family != socket.AF_UNIX
        if own:
            refuse_new(listener)
        listener.setblocking(False)
        # Whoever goes on coming is not to go on for ever.
        for _ in range(self._backlog + 1):
            try:
                client, _ = listener.accept()
            except ConnectionAbortedError:
                continue
            except OSError:
                # None waits any more, or no descriptor is left.
                break
            client.setblocking(False)
            yield client
        if own:
            # At once, whoever else holds it open.
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RD)
        listener.close()


def refuse_new(listener: socket.socket) -> None:
    """Have the kernel make no more connections, while those that it has made can be accepted.

    To close alone would reset the connection that is made between the last accept and the close,
    whose request may be on its way. A client that is not let in asks again a second later, and is
    refused, or finds another server. Where there is no such filter, nothing changes.
    """
    program = ctypes.create_string_buffer(NO_SYN, len(NO_SYN))
    # struct sock_fprog: the number of instructions, and where they are.
    pointer = struct.pack("@HP", len(NO_SYN) // 8, ctypes.addressof(program))
    with suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, pointer)
