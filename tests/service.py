"""The whole application in this process, without a socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from app.api.app import create_app
from app.settings.settings import Settings


@asynccontextmanager
async def open_client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The whole application, started and stopped, without a socket."""
    app = create_app(settings)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield client
