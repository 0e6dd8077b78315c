"""The whole service without sockets: each connection writes into a list."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from uvicorn.server import ServerState

from app.api.app import create_app
from app.server.server import Server
from app.settings.settings import Settings
from tests.project import IRIS


class Wire(asyncio.Transport):
    """A transport that collects the bytes written."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.wrote = asyncio.Event()
        self.closed = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        self.wrote.set()

    def writelines(self, parts: list[bytes]) -> None:
        self.write(b"".join(parts))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def write_eof(self) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def statuses(self) -> list[int]:
        return [int(write.split(b" ", 2)[1]) for write in self.writes]


class Connections:
    """An application, and connections of a server to it."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        self.app = app
        self._config = Server(app, settings).config
        self._config.load()
        self.state = ServerState()

    def connect(self):
        protocol = self._config.http_protocol_class(self._config, self.state, {})
        protocol.wire = Wire()
        protocol.connection_made(protocol.wire)
        return protocol

    def metrics(self) -> str:
        return self.app.state.service.metrics.render().decode()


@asynccontextmanager
async def serving(**changes: object) -> AsyncIterator[Connections]:
    settings = Settings(**{"model": IRIS} | changes)
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield Connections(app, settings)


async def tick() -> None:
    await asyncio.sleep(0)


async def answers(protocol, count: int) -> None:
    while len(protocol.wire.writes) < count:
        await tick()
