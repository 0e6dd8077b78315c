"""Client and AsyncClient of one simulated service: each call must end alike with both."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import httpx

from stateserve.client.async_client import AsyncClient
from stateserve.client.client import Client
from stateserve.errors import ClientError


class BothClients:
    """The methods of Client; their results are its own. Not for a test in an event loop."""

    def __init__(self, transport: httpx.MockTransport, **options: Any) -> None:
        options |= {"transport": transport}
        self._make = functools.partial(AsyncClient, "http://test", **options)
        self._client = Client("http://test", **options)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **parts: Any) -> Any:
            async def ask() -> object:
                async with self._make() as client:
                    method: Callable[..., Awaitable[object]] = getattr(client, name)
                    return await method(*arguments, **parts)

            found, error = _outcome(lambda: getattr(self._client, name)(*arguments, **parts))
            # A state is opened by Client alone.
            if hasattr(AsyncClient, name):
                other, same = _outcome(lambda: anyio.run(ask))
                assert (type(found), repr(error)) == (type(other), repr(same))
            if error is not None:
                raise error
            return found

        return call


def _outcome(call: Callable[[], object]) -> tuple[object, ClientError | None]:
    try:
        return call(), None
    except ClientError as error:
        return None, error
