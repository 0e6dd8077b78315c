"""The server inside one worker process (app/workers.py forks and watches them)."""

import asyncio
import signal
import socket
from collections.abc import Callable
from types import FrameType

from app.broadcast import Broadcast
from app.bulletin import Bulletin
from app.server import Server

# Blocked in the supervisor, which takes them one by one.
SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGALRM}


class WorkerServer(Server):
    """A Server on a socket that it inherits; it also drains when its supervisor is gone."""

    orphaned = False

    def listen(self, workers: int) -> list[socket.socket]:
        """A listening socket for each worker, on one port; loads what all workers then share.

        The kernel deals connections out over the sockets. From a single one the worker that
        happens to wake first would take all that wait: of 8 often 8.
        """
        self.config.load()
        self.config.get_loop_factory()
        first = self.config.bind_socket()
        # Not before it is bound: else another service could have the port as well.
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        first.listen(self.config.backlog)
        others = (
            socket.create_server(
                first.getsockname(),
                family=first.family,
                backlog=self.config.backlog,
                reuse_port=True,
                dualstack_ipv6=first.family == socket.AF_INET6,
            )
            for _ in range(workers - 1)
        )
        return [first, *others]

    def work(
        self,
        listener: socket.socket,
        lifeline: int,
        bulletin: Bulletin,
        on_loop: Callable[[], None],
        on_started: Callable[[], None],
    ) -> None:
        """Serve until SIGTERM, or until the other end of the pipe `lifeline` is closed.

        Calls `on_loop` once the event loop runs, `on_started` once this worker serves.
        """
        self._lifeline, self._on_loop, self._on_started = lifeline, on_loop, on_started
        self._broadcast = Broadcast(self._service.registry, bulletin)
        self._service.verbs = self._broadcast
        self.run([listener])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        # Not before they have handlers: a signal during the fork waits until here.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        self._on_loop()
        self._service.metrics.note_process_id()
        # What the supervisor loaded may be long out of date.
        await self._broadcast.begin()
        if self._service.settings.hot_reload:
            await self._service.registry.refresh()
        await super().startup(sockets)
        asyncio.get_running_loop().add_reader(self._lifeline, self._stop_as_an_orphan)
        self._on_started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # One stop may come twice, to the process group and from the supervisor. It alone forces.
        if not self._service.draining:
            super().handle_exit(sig, frame)

    def _stop_as_an_orphan(self) -> None:
        self.orphaned = True
        asyncio.get_running_loop().remove_reader(self._lifeline)
        self.handle_exit(signal.SIGTERM, None)
