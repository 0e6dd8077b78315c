"""The endpoint that REST, v2 and gRPC call: the protocol, and its implementation for one model."""

from collections.abc import Callable, Iterable
from copy import copy
from functools import cache
from importlib.util import find_spec
from pkgutil import resolve_name
from typing import Protocol, Self, TypeVar

from app.predict.codecs.json_request import Instances
from app.predict.codecs.v2_model import OpenModel
from app.predict.deadline import Deadline
from app.predict.headers import Body
from app.predict.large_requests import LargeRequests
from app.predict.media_types import ARROW, JSON, NPY
from app.predict.observer import Observer
from app.predict.options import Options
from app.predict.pipeline import MAX_BATCHED_ROWS, Inference
from app.predict.prediction import Prediction
from app.predict.tally import current_tally, keep
from stateserve.model import Predictor
from stateserve.model.architectures import FloatArray

Content = TypeVar("Content", covariant=True)
Result = TypeVar("Result")
FORMATS = {
    JSON: "app.predict.codecs.json_answer:JsonFormat",
    NPY: "app.predict.codecs.npy:NpyFormat",
    ARROW: "app.predict.codecs.arrow:ArrowFormat",
}
# A larger body may block the event loop for too long while it is decoded.
MAX_LOOP_BYTES = 16 * 1024


class Format(Protocol):
    """Reads and writes the bodies of one media type."""

    media_type: str

    def decode(self, body: Body) -> Instances: ...

    def encode(
        self, predictions: Iterable[Prediction], instances: Instances, options: Options, /
    ) -> bytes | memoryview: ...


@cache
def media_types() -> list[str]:
    """The media types of /predict: JSON, `.npy`, and Arrow if pyarrow is installed."""
    return [name for name in FORMATS if name != ARROW or find_spec("pyarrow")]


class Call(Protocol[Content]):
    """One request of a protocol, with a body of `size` bytes; its methods may run in a thread.

    `read` is called once, before `write`.
    """

    @property
    def size(self) -> int: ...

    def read(self, model: "ModelEndpoint", /) -> FloatArray: ...

    def write(self, model: "ModelEndpoint", predictions: Iterable[Prediction], /) -> Content: ...


class Endpoint(Protocol):
    """Answers predictions; `predictor` and `open_model` are the default version's."""

    @property
    def predictor(self) -> Predictor: ...

    @property
    def open_model(self) -> OpenModel: ...

    def choose(self, request_id: bytes | None) -> "ModelEndpoint":
        """The model that answers a request with this `X-Request-ID`."""

    def count(self, chosen: "ModelEndpoint", status: int, seconds: float) -> None:
        """Count an answer that `chosen` gave without `serve`."""

    async def serve(
        self, call: Call[Result], request_id: bytes | None, deadline: Deadline | None
    ) -> Result:
        """Return the answer that `call` writes for the rows that it reads.

        A small request runs on the event loop, in the batch of its tick; a large one runs in a
        thread. Raises the errors of `call`, InvalidInstances on overflow, DeadlineExceeded, or
        Overloaded before any work is done.
        """


class ModelEndpoint:
    """The endpoint of one model, with a queue and every supported format."""

    def __init__(self, inference: Inference, max_instances: int, large: LargeRequests) -> None:
        self.inference = inference
        self.predictor = inference.predictor
        self.open_model = OpenModel(inference.predictor, max_instances)
        self._max_instances = max_instances
        self._large = large
        self._formats: dict[str, Format] = {}
        self.json = self.format(JSON)

    def observed_by(self, observer: Observer) -> Self:
        """The same model with one more observer of answers."""
        view = copy(self)
        view.inference = self.inference.observed_by(observer)
        return view

    def format(self, media_type: str) -> Format:
        found = self._formats.get(media_type)
        if found is None:
            # Made on first use, because the import of pyarrow is slow.
            kind: Callable[[Predictor, int], Format] = resolve_name(FORMATS[media_type])
            found = self._formats[media_type] = kind(self.predictor, self._max_instances)
        return found

    def choose(self, _request_id: bytes | None) -> Self:
        return self

    def count(self, chosen: "ModelEndpoint", status: int, seconds: float) -> None:
        """Does nothing: only a rollout compares versions."""

    async def serve(
        self, call: Call[Result], _request_id: bytes | None, deadline: Deadline | None
    ) -> Result:
        found: FloatArray | None = None
        if call.size <= MAX_LOOP_BYTES:
            found = call.read(self)
            if len(found) <= MAX_BATCHED_ROWS:
                predictions = [await self.inference.predict(found, deadline)]
                content = call.write(self, predictions)
                self._hold(predictions)
                return content

        def answer() -> Result:
            rows = call.read(self) if found is None else found
            kept: list[Prediction] = []
            predictions = keep(self.inference.predict_chunks(rows), kept)
            if deadline is not None:
                predictions = deadline.require_each(predictions)
            content = call.write(self, predictions)
            self._hold(kept)
            return content

        return await self._large.run(answer)

    def _hold(self, predictions: list[Prediction]) -> None:
        if tally := current_tally.get():
            tally.held = self.inference, predictions
