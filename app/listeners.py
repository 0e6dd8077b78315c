"""The listeners of each socket: how new connections are taken, and the last of them at the end."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress

# Of each listening socket: new connections that are taken in one turn of the event loop.
LISTENERS = 8


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
        # At once, whoever else holds it open: what the kernel takes after this moment is reset.
        # But those who hold that of a path may be workers that serve on.
        if listener.family != socket.AF_UNIX:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RD)
        listener.close()
