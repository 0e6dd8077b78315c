"""Ask a running service: `Client`, and `AsyncClient` with the same methods to await.

    with Client("http://127.0.0.1:8000") as client:
        print(client.predict({"sepal_length": 5.1, ...}).label)

All methods only read. They ask again, for `patience` seconds at most, while the service
says 503 or 429 or the connection is lost; then, or where asking again is no use, they raise
NoAnswer or Problem, both ClientError. `key` is an API key, sent with each request. Other
options are httpx's: headers, timeout, verify, transport.
"""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self, Unpack, overload

from app.card import Card
from app.errors import MissingExtra
from app.predictions import Details, Flower, Prediction

try:
    import anyio
    import httpx
except ModuleNotFoundError:
    raise MissingExtra("app.client needs httpx: pip install httpx") from None

from app.client.exchanges import Array, Exchanges, parse_url, with_key
from app.client.retries import Exchange, Outcome, T

if TYPE_CHECKING:
    from torch import Tensor

    from app.api.model import ModelView

PATIENCE_SECONDS = 10.0


class Client:
    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        patience: float = PATIENCE_SECONDS,
        **options: Any,
    ) -> None:
        self._http = httpx.Client(base_url=parse_url(url), **with_key(key, options))
        self._exchanges = Exchanges(self._http.build_request, patience)

    @overload
    def predict(self, flowers: Flower, **details: Unpack[Details]) -> Prediction: ...
    @overload
    def predict(
        self, flowers: Iterable[Flower], **details: Unpack[Details]
    ) -> list[Prediction]: ...
    def predict(
        self, flowers: Flower | Iterable[Flower], **details: Unpack[Details]
    ) -> Prediction | list[Prediction]:
        """Classify one flower, or many in order."""
        return self._run(self._exchanges.predict(flowers, details))

    def model(self) -> "ModelView":
        """Name, version, architecture and model card. Imports torch, as the service does."""
        return self._run(self._exchanges.model())

    def card(self) -> Card:
        """The model card alone: features with units and ranges, classes, metrics."""
        return self._run(self._exchanges.card())

    def state(self) -> dict[str, "Tensor"]:
        """The state_dict as torch tensors on the CPU, ready for load_state_dict."""
        return self._run(self._exchanges.state())

    def arrays(self) -> dict[str, Array]:
        """The state_dict as NumPy arrays; torch is not imported."""
        return self._run(self._exchanges.arrays())

    def tensor(self, name: str, slice: str | None = None) -> "Tensor":
        """One tensor, or a slice of it written as NumPy does: "0:2,1"."""
        return self._run(self._exchanges.tensor(name, slice))

    def array(self, name: str, slice: str | None = None) -> Array:
        """As tensor(), in NumPy."""
        return self._run(self._exchanges.array(name, slice))

    def ready(self) -> bool:
        """Whether requests may be sent now; asked once, and False if nobody is there."""
        return self._run(self._exchanges.ready())

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, exchange: Exchange[T]) -> T:
        try:
            pause, request = next(exchange)
            outcome: Outcome
            while True:
                time.sleep(pause)
                try:
                    outcome = self._http.send(request)
                except httpx.RequestError as error:
                    outcome = error
                pause, request = exchange.send(outcome)
        except StopIteration as end:
            value: T = end.value
            return value


class AsyncClient:
    """Client's methods, awaited."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        patience: float = PATIENCE_SECONDS,
        **options: Any,
    ) -> None:
        self._http = httpx.AsyncClient(base_url=parse_url(url), **with_key(key, options))
        self._exchanges = Exchanges(self._http.build_request, patience)

    @overload
    async def predict(self, flowers: Flower, **details: Unpack[Details]) -> Prediction: ...
    @overload
    async def predict(
        self, flowers: Iterable[Flower], **details: Unpack[Details]
    ) -> list[Prediction]: ...
    async def predict(
        self, flowers: Flower | Iterable[Flower], **details: Unpack[Details]
    ) -> Prediction | list[Prediction]:
        return await self._run(self._exchanges.predict(flowers, details))

    async def model(self) -> "ModelView":
        return await self._run(self._exchanges.model())

    async def card(self) -> Card:
        return await self._run(self._exchanges.card())

    async def state(self) -> dict[str, "Tensor"]:
        return await self._run(self._exchanges.state())

    async def arrays(self) -> dict[str, Array]:
        return await self._run(self._exchanges.arrays())

    async def tensor(self, name: str, slice: str | None = None) -> "Tensor":
        return await self._run(self._exchanges.tensor(name, slice))

    async def array(self, name: str, slice: str | None = None) -> Array:
        return await self._run(self._exchanges.array(name, slice))

    async def ready(self) -> bool:
        return await self._run(self._exchanges.ready())

    async def aclose(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _run(self, exchange: Exchange[T]) -> T:
        try:
            pause, request = next(exchange)
            outcome: Outcome
            while True:
                await anyio.sleep(pause)
                try:
                    outcome = await self._http.send(request)
                except httpx.RequestError as error:
                    outcome = error
                pause, request = exchange.send(outcome)
        except StopIteration as end:
            value: T = end.value
            return value
