"""The server inside one worker process; app/server/supervisor.py forks and supervises it."""

import asyncio
import signal
import socket
from collections.abc import Callable
from types import FrameType

from app.addresses import bind, share
from app.server.server import Server
from app.server.worker_broadcast import Broadcast
from app.server.worker_plans import SharedPlans

# Blocked in the supervisor, which takes them one by one.
SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGALRM}


class WorkerServer(Server):
    """A Server on inherited sockets; it also drains when its supervisor has ended."""

    orphaned = False

    def listen(self, workers: int) -> list[list[socket.socket]]:
        """Make listening sockets for each worker, and load the configuration that all share.

        Raises SettingsError.
        """
        self.config.load()
        self.config.get_loop_factory()
        backlog = self.config.backlog
        bound = bind(self._service.settings, backlog)
        shared = [share(each, workers, backlog) for each in bound]
        self.announce([each[0] for each in shared])
        return [list(listeners) for listeners in zip(*shared, strict=True)]

    def work(
        self,
        listeners: list[socket.socket],
        lifeline: int,
        plans: SharedPlans,
        on_loop: Callable[[], None],
        on_started: Callable[[], None],
    ) -> None:
        """Serve until SIGTERM, or until the other end of the pipe `lifeline` is closed.

        Calls `on_loop` once the event loop runs, `on_started` once this worker serves.
        """
        self._lifeline, self._on_loop, self._on_started = lifeline, on_loop, on_started
        self._plans, self._broadcast = plans, Broadcast(self._service.registry, plans)
        self._service.verbs = self._broadcast
        self.run(listeners)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        # Handlers are set by now; a signal during the fork has waited until here.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        self._on_loop()
        self._service.metrics.note_process_id()
        # The models that the supervisor loaded may be out of date.
        await self._broadcast.begin()
        if self._service.settings.hot_reload:
            await self._service.registry.refresh()
        await super().startup(sockets)
        asyncio.get_running_loop().add_reader(self._lifeline, self._stop_as_an_orphan)
        self._on_started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # One stop may arrive twice: by the process group and from the supervisor. Only the
        # supervisor kills workers.
        if not self._service.draining:
            self._plans.ending = True
            super().handle_exit(sig, frame)

    def _stop_as_an_orphan(self) -> None:
        self.orphaned = True
        asyncio.get_running_loop().remove_reader(self._lifeline)
        self.handle_exit(signal.SIGTERM, None)
