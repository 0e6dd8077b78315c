"""Call a running service: `Client`, and `AsyncClient` with the same methods as coroutines.

    with Client("http://127.0.0.1:8000") as client:
        print(client.predict({"sepal_length": 5.1, ...}).label)

All methods but feedback only read. A request is retried after 503, 429 or a lost connection, for
at most `patience` seconds. After that, and after every other failure, a method raises NoAnswer or
Problem, both ClientError. `key` is an API key, sent with each request. Other options are httpx's:
headers, timeout, verify, transport, limits.

Threads, or tasks of one event loop, may share a client. At most 32 requests are in flight, or as
many as `limits` allows connections; others wait in a queue, first in, first out. Time in the queue
does not count: httpx's timeouts and `patience` start when the request is first sent.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Self, Unpack, overload

from stateserve.checkpoint import Array
from stateserve.client.predictions import Details, Instance, Prediction, Values
from stateserve.errors import ClientError, MissingExtra
from stateserve.model import Card, ModelCard

try:
    import anyio
    import httpx
    from anyio.lowlevel import EventLoopToken, current_token
except ModuleNotFoundError:
    raise MissingExtra("stateserve.client needs httpx: pip install httpx") from None

from stateserve.client.exchanges import Exchanges, parse_url, with_key
from stateserve.client.failures import FAILURES
from stateserve.client.retries import Exchange, Outcome, T
from stateserve.client.turns import Turns

if TYPE_CHECKING:
    from torch import Tensor

    from stateserve.model import ModelView

PATIENCE_SECONDS = 10.0
# More connections would not be served faster.
LIMITS = httpx.Limits(max_connections=32, max_keepalive_connections=32)


class Client:
    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        patience: float = PATIENCE_SECONDS,
        **options: Any,
    ) -> None:
        limits = options.setdefault("limits", LIMITS)
        self._http = httpx.Client(base_url=parse_url(url), **with_key(key, options))
        self._exchanges = Exchanges(self._http.build_request, patience)
        self._turns = Turns(_most(limits), threading.Event)

    @overload
    def predict(self, instances: Instance, **details: Unpack[Details]) -> Prediction: ...
    @overload
    def predict(
        self, instances: Iterable[Instance], **details: Unpack[Details]
    ) -> list[Prediction]: ...
    def predict(
        self, instances: Instance | Iterable[Instance], **details: Unpack[Details]
    ) -> Prediction | list[Prediction]:
        """Predict one instance, or many; answers are in the order of the instances.

        Of a model with one input, the rows of an array are instances, too.
        """
        return self._run(self._exchanges.predict(instances, details))

    def predict_body(
        self, content: bytes, media_type: str, **details: Unpack[Details]
    ) -> list[Prediction]:
        """Predict a body in a media type of /predict, such as image/png or application/x-npy."""
        return self._run(self._exchanges.predict_body(content, media_type, details))

    def feedback(
        self,
        prediction: Prediction | str,
        true_class: str | None = None,
        *,
        value: Values | None = None,
    ) -> None:
        """Send the true class of a logged prediction, or the true `value` or values of its first
        output without classes; later feedback replaces earlier."""
        self._run(self._exchanges.feedback(prediction, true_class, value))

    def model(self) -> "ModelView":
        """Name, version, architecture and model card. Imports torch, as the service does."""
        return self._run(self._exchanges.model())

    def card(self) -> Card | ModelCard:
        """The model card alone: features with units and ranges, classes, metrics; of a model with
        any module inputs and outputs."""
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
        """As tensor(), as a NumPy array."""
        return self._run(self._exchanges.array(name, slice))

    def ready(self) -> bool:
        """Whether the service is ready; not retried, and False if there is no answer."""
        return self._run(self._exchanges.ready())

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, exchange: Exchange[T]) -> T:
        outcome = self._send(lambda: next(exchange).request)
        try:
            while True:
                pause, request = exchange.send(outcome)
                time.sleep(pause)
                outcome = self._send(lambda: request, again=True)  # noqa: B023
        except StopIteration as end:
            value: T = end.value
            return value

    def _send(self, build: Callable[[], httpx.Request], *, again: bool = False) -> Outcome:
        if signal := self._turns.ask(again=again):
            with self._turns.waiting(signal):
                signal.wait()
        try:
            _require_open(self._http)
            return self._http.send(build())
        except FAILURES as error:
            return error
        finally:
            self._turns.end()


class AsyncClient:
    """Client's methods as coroutines."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        patience: float = PATIENCE_SECONDS,
        **options: Any,
    ) -> None:
        limits = options.setdefault("limits", LIMITS)
        self._http = httpx.AsyncClient(base_url=parse_url(url), **with_key(key, options))
        self._exchanges = Exchanges(self._http.build_request, patience)
        self._turns = Turns(_most(limits), anyio.Event)
        self._loop: EventLoopToken | None = None

    @overload
    async def predict(self, instances: Instance, **details: Unpack[Details]) -> Prediction: ...
    @overload
    async def predict(
        self, instances: Iterable[Instance], **details: Unpack[Details]
    ) -> list[Prediction]: ...
    async def predict(
        self, instances: Instance | Iterable[Instance], **details: Unpack[Details]
    ) -> Prediction | list[Prediction]:
        return await self._run(self._exchanges.predict(instances, details))

    async def predict_body(
        self, content: bytes, media_type: str, **details: Unpack[Details]
    ) -> list[Prediction]:
        return await self._run(self._exchanges.predict_body(content, media_type, details))

    async def feedback(
        self,
        prediction: Prediction | str,
        true_class: str | None = None,
        *,
        value: Values | None = None,
    ) -> None:
        await self._run(self._exchanges.feedback(prediction, true_class, value))

    async def model(self) -> "ModelView":
        return await self._run(self._exchanges.model())

    async def card(self) -> Card | ModelCard:
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
        loop = current_token()
        if self._loop not in (None, loop):
            raise ClientError("this client's connections are of another event loop; make one here")
        self._loop = loop
        outcome = await self._send(lambda: next(exchange).request)
        try:
            while True:
                pause, request = exchange.send(outcome)
                await anyio.sleep(pause)
                outcome = await self._send(lambda: request, again=True)  # noqa: B023
        except StopIteration as end:
            value: T = end.value
            return value

    async def _send(self, build: Callable[[], httpx.Request], *, again: bool = False) -> Outcome:
        if signal := self._turns.ask(again=again):
            with self._turns.waiting(signal):
                await signal.wait()
        try:
            _require_open(self._http)
            return await self._http.send(build())
        except FAILURES as error:
            return error
        finally:
            self._turns.end()


def _most(limits: httpx.Limits) -> float:
    return math.inf if limits.max_connections is None else limits.max_connections


def _require_open(http: httpx.Client | httpx.AsyncClient) -> None:
    if http.is_closed:
        raise ClientError("this client is closed; make a new one")
