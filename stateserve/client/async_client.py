"""AsyncClient: the methods of Client as coroutines, for asyncio and trio."""

from collections.abc import Iterable
from os import PathLike
from typing import TYPE_CHECKING, Self, Unpack, overload

from stateserve.errors import MissingExtra

try:
    import httpx
except ModuleNotFoundError:
    raise MissingExtra("stateserve.client needs httpx: pip install httpx") from None

from stateserve.checkpoint import Array
from stateserve.client.arrays import ArrayLike
from stateserve.client.chunks import progress_of
from stateserve.client.columns import Predictions
from stateserve.client.connection import (
    PATIENCE_SECONDS,
    TOTAL_SECONDS,
    checking_options,
    connection_options,
    limit_answers,
    most_requests,
)
from stateserve.client.exchanges import Exchanges
from stateserve.client.explanations import Choices, Explanation, PictureFile
from stateserve.client.frames import Frame
from stateserve.client.instances import Instance, Item, Picture
from stateserve.client.instances import PictureFile as GivenFile
from stateserve.client.listing import ModelList, StateDiff
from stateserve.client.predictions import (
    Prediction,
    PredictionList,
    PredictOptions,
    RowsOptions,
    TablePredictions,
    Target,
    Values,
)
from stateserve.client.sending import AsyncSender
from stateserve.model import Card, ModelCard

if TYPE_CHECKING:
    from torch import Tensor

    from stateserve.model import ModelView


class AsyncClient:
    """Client's methods as coroutines. It belongs to the event loop that first used it."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        patience: float = PATIENCE_SECONDS,
        total_timeout: float | None = TOTAL_SECONDS,
        **options: object,
    ) -> None:
        checked = connection_options(url, key, options, httpx.AsyncBaseTransport)
        with checking_options():
            self._http = httpx.AsyncClient(**checked)
        limit_answers(self._http)
        self._exchanges = Exchanges(self._http.build_request, patience, total_timeout)
        self._run = AsyncSender(self._http, most_requests(checked), total_timeout).run

    @overload
    async def predict(  # type: ignore[overload-overlap]
        self, instances: Instance | GivenFile | Picture, **details: Unpack[RowsOptions]
    ) -> Prediction: ...
    @overload
    async def predict(self, instances: Frame, **details: Unpack[RowsOptions]) -> Frame: ...
    @overload
    async def predict(
        self, instances: "Tensor", **details: Unpack[RowsOptions]
    ) -> "Predictions[Tensor]": ...
    @overload
    async def predict(
        self, instances: ArrayLike, **details: Unpack[RowsOptions]
    ) -> Predictions[Array]: ...
    @overload
    async def predict(
        self, instances: Iterable[Item], **details: Unpack[RowsOptions]
    ) -> PredictionList: ...
    async def predict(self, instances: object, **details: Unpack[RowsOptions]) -> object:
        with progress_of(details.pop("progress", False)) as show:
            return await self._run(self._exchanges.predict(instances, details, show))

    async def predict_table(
        self, path: str | PathLike[str], **details: Unpack[RowsOptions]
    ) -> TablePredictions:
        with progress_of(details.pop("progress", False)) as show:
            return await self._run(self._exchanges.predict_table(path, details, show))

    async def predict_body(
        self, content: bytes, media_type: str, **details: Unpack[PredictOptions]
    ) -> PredictionList:
        return await self._run(self._exchanges.predict_body(content, media_type, details))

    async def explain(
        self, instance: Instance | GivenFile | Picture | ArrayLike, **choices: Unpack[Choices]
    ) -> Explanation:
        return await self._run(self._exchanges.explain(instance, choices))

    async def explain_picture(
        self, instance: Instance | GivenFile | Picture | ArrayLike, **choices: Unpack[Choices]
    ) -> PictureFile:
        return await self._run(self._exchanges.explain_picture(instance, choices))

    async def feedback(
        self,
        prediction: Prediction | str,
        true_class: str | None = None,
        *,
        value: Values | None = None,
    ) -> None:
        await self._run(self._exchanges.feedback(prediction, true_class, value))

    async def models(self) -> ModelList:
        return await self._run(self._exchanges.models())

    async def diff(
        self, first: str | int, second: str | int, *, model: str | None = None
    ) -> StateDiff:
        return await self._run(self._exchanges.diff(first, second, model))

    async def model(self, **target: Unpack[Target]) -> "ModelView":
        return await self._run(self._exchanges.model(target))

    async def card(self, **target: Unpack[Target]) -> Card | ModelCard:
        return await self._run(self._exchanges.card(target))

    async def state(self, **target: Unpack[Target]) -> dict[str, "Tensor"]:
        return await self._run(self._exchanges.state(target))

    async def arrays(self, **target: Unpack[Target]) -> dict[str, Array]:
        return await self._run(self._exchanges.arrays(target))

    async def tensor(
        self, name: str, slice: str | None = None, **target: Unpack[Target]
    ) -> "Tensor":
        return await self._run(self._exchanges.tensor(name, slice, target))

    async def array(self, name: str, slice: str | None = None, **target: Unpack[Target]) -> Array:
        return await self._run(self._exchanges.array(name, slice, target))

    async def ready(self) -> bool:
        return await self._run(self._exchanges.ready())

    async def aclose(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
