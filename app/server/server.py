"""uvicorn with a graceful shutdown: not ready first, then drained, then exit status 0."""

import asyncio
import contextlib
import logging
import math
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from operator import attrgetter
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn
from fastapi import FastAPI

from app.addresses import bind, name_of, remove_stale
from app.api import Service
from app.api.auth import Guard
from app.monitor import LINES, is_text
from app.server.fast_path_protocol import FastPathProtocol
from app.server.http_protocol import Protocol
from app.server.listeners import Listeners
from app.server.predict_fast_path import FastPath
from app.server.served_models import served_models
from app.settings import Settings
from stateserve.errors import MissingExtra

if TYPE_CHECKING:
    from app.grpc import RpcServer

logger = logging.getLogger("app.server")
# An idle connection stays open at least this long after SIGTERM.
ON_THEIR_WAY_SECONDS = 0.5


class Server(uvicorn.Server):
    """On SIGTERM or SIGINT it is not ready at once, and closes its listeners after a delay."""

    # The sockets that this process bound for itself; a worker inherits its own.
    _bound: Sequence[socket.socket] = ()

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        """Raises SettingsError or MissingExtra if gRPC is on and cannot be served."""
        super().__init__(
            uvicorn.Config(
                # FastAPI's __call__ only adds time to each request here.
                app.middleware_stack,  # type: ignore[arg-type]
                http=_protocol(app, settings),
                ws="none",
                timeout_keep_alive=settings.keep_alive_seconds,
                access_log=False,
                log_config=None,
                server_header=False,
                # The access log names no client, so a proxy's client address is not needed.
                proxy_headers=False,
                timeout_graceful_shutdown=settings.drain_timeout_seconds,
            )
        )
        self._service = app.state.service
        self._guard: Guard = app.state.guard
        LINES.count = self._service.metrics.log_lines_dropped.inc
        self._text = is_text(settings.log_format)
        self._drain_delay = settings.drain_delay_seconds
        self._drain_timeout = settings.drain_timeout_seconds
        self._rpc = _open_rpc(app.state.service, app.state.guard)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve on `sockets`, or on the address in the settings. Raises SettingsError."""
        if sockets is not None:
            await super().serve(sockets)
            return
        settings = self._service.settings
        self._bound = bound = bind(settings, self.config.backlog)
        try:
            await super().serve(bound)
        finally:
            for each in bound:
                each.close()
            if settings.uds is not None:
                remove_stale(settings.uds)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        LINES.start()
        await super().startup(sockets)
        # Before the address is announced: a program that waits for it may then call both.
        if self._rpc is not None:
            await self._rpc.start()
        kind: Any = self.config.http_protocol_class
        protocol = partial(
            kind, config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        self._listeners = Listeners(self.servers, protocol, self.config.backlog)
        await self._listeners.share()
        if self._bound:
            self.announce(self._bound)

    def announce(self, bound: Sequence[socket.socket]) -> None:
        urls = [f"http://{name_of(each)}".replace("http://unix:", "unix:") for each in bound]
        logger.info("running on %s", " and ".join(urls))
        if self._text:
            LINES.put(served_models(self._service, urls).encode())
        elif sys.stdout.isatty():
            print(served_models(self._service, urls), end="", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Before uvicorn's own shutdown, which ends with the threads that the models run in.
        begun = time.monotonic()
        await self._listeners.close()
        await self._wait_for_requests_on_their_way()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self._rpc is not None:
            await self._rpc.stop(self._drain_timeout)
        left = self._drain_timeout - (time.monotonic() - begun)
        self.config.timeout_graceful_shutdown = max(1, math.ceil(left))
        await super().shutdown(sockets)

    async def _wait_for_requests_on_their_way(self) -> None:
        """Give clients time for one more request, whose answer says that the connection closes.

        A client whose connection closes just after it sent a request cannot know whether the
        request was processed, and does not send it again.
        """
        until = time.monotonic() + ON_THEIR_WAY_SECONDS - self._drain_delay
        while time.monotonic() < until and any(map(_is_idle, self.server_state.connections)):
            await asyncio.sleep(ON_THEIR_WAY_SECONDS / 20)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGHUP too. uvicorn restores our handlers, which end the process (app/process)."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGHUP, self._handle_hang_up)
        try:
            with super().capture_signals():
                yield
        finally:
            signal.signal(signal.SIGHUP, before)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # uvicorn's own raises the signal again at the end, so the status would not be 0.
        if self._service.draining:
            logger.warning("a second signal: ended before all was answered")
            LINES.flush()
            os._exit(0)
        self._service.draining = True
        logger.info("%s: draining", signal.Signals(sig).name)
        asyncio.get_running_loop().call_later(self._drain_delay, self._stop)

    def _handle_hang_up(self, sig: int, frame: FrameType | None) -> None:
        asyncio.get_running_loop().call_soon(self._guard.reload, self._service.settings)

    def _stop(self) -> None:
        self.should_exit = True


_is_idle = attrgetter("is_idle")


def _open_rpc(service: Service, guard: Guard) -> "RpcServer | None":
    if service.settings.grpc_port is None:
        return None
    try:
        # Imported here, because only gRPC needs these packages.
        from app.grpc import RpcServer
    except ModuleNotFoundError:
        raise MissingExtra("gRPC needs more packages: pip install '.[grpc]'") from None
    return RpcServer(service, guard)


def _protocol(app: FastAPI, settings: Settings) -> Any:
    # Tracing and CORS wrap the application, and the fast path would bypass them.
    if settings.tracing or settings.cors_origins:
        return partial(Protocol, settings=settings)
    state, access = app.state, app.state.access
    fast_path = FastPath(state.service, state.hosts, state.guard, access.log, access.request_ids)
    return partial(FastPathProtocol, settings=settings, fast_path=fast_path)
