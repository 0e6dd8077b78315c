"""The common part of the endpoints of one version of a model."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import copy
from functools import cached_property, partial
from pkgutil import resolve_name
from typing import ClassVar, Generic, Protocol, Self, TypeVar

from app.errors import NotProvided
from app.predict.codecs.json_format import model_reference
from app.predict.codecs.v2_model import V2Model
from app.predict.deadline import Deadline
from app.predict.headers import Body, RawHeader
from app.predict.instances import Instances
from app.predict.media_types import JSON
from app.predict.observer import Observer
from app.predict.options import Options
from app.predict.pending_answer import current_answer
from app.predict.pipeline import Pipeline, Predicted, Rows
from stateserve.model import AnyModel, Predictor

Content = TypeVar("Content", covariant=True)
Result = TypeVar("Result")
Received = TypeVar("Received", contravariant=True)
# A larger body may block the event loop for too long while it is decoded.
MAX_LOOP_BYTES = 16 * 1024
NO_FEATURES = (
    "this model is no tabular classifier with a card of its training data; its predictions, "
    "layers and state are served"
)


class Reader(Protocol[Rows]):
    """Reads the bodies of one media type; `parameters` are those of the media type, and
    `skip_bad_rows` if the query has it."""

    def decode(self, body: Body, parameters: Mapping[str, str] = ..., /) -> Instances[Rows]: ...


class Format(Reader[Rows], Protocol[Rows, Received]):
    """Writes them, too."""

    media_type: str

    def encode(
        self, predictions: Iterable[Received], instances: Instances[Rows], options: Options, /
    ) -> bytes | memoryview: ...


class Call(Protocol[Content]):
    """One request of a protocol, with a body of `size` bytes; its methods may run in a thread."""

    @property
    def size(self) -> int: ...

    def read(self, model: "ModelEndpoint[Rows, Predicted]", /) -> Instances[Rows]: ...

    def write(
        self,
        model: "ModelEndpoint[Rows, Predicted]",
        predictions: Iterable[Predicted],
        instances: Instances[Rows],
        /,
    ) -> Content: ...


class ModelEndpoint(ABC, Generic[Rows, Predicted]):
    """The endpoint of one version of a model, with every supported format."""

    # The path of the class of each media type's format, which is made on first use.
    formats: ClassVar[Mapping[str, str]]
    # The same for media types of requests only.
    readers: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        model: AnyModel,
        pipeline: Pipeline[Rows, Predicted],
        v2_model: V2Model[Rows, Predicted],
        max_instances: int,
    ) -> None:
        self.model = model
        self.pipeline = pipeline
        self.v2_model = v2_model
        self._max_instances = max_instances
        self._formats: dict[str, Format[Rows, Predicted]] = {}
        self._readers: dict[str, Reader[Rows]] = {}
        self.json = self.format(JSON)

    @property
    def predictor(self) -> Predictor:
        raise NotProvided(NO_FEATURES)

    def observed_by(self, observer: Observer[Predicted]) -> Self:
        """The same model with one more observer of answers."""
        view = copy(self)
        view.pipeline = self.pipeline.observed_by(observer)
        return view

    def media_types(self) -> Sequence[str]:
        """The media types of bodies that this model reads."""
        return list(self.formats)

    def answer_types(self) -> Sequence[str]:
        """The media types of this model's answers; the first is the default."""
        return self.media_types()

    @cached_property
    def echoed_types(self) -> Collection[str]:
        """The media types of bodies whose answers have the same type by default."""
        return frozenset(self.media_types()) & frozenset(self.answer_types())

    def reader(self, media_type: str) -> Reader[Rows]:
        """The reader of one of `media_types`."""
        if media_type not in self.readers:
            return self.format(media_type)
        found = self._readers.get(media_type)
        if found is None:
            kind: Callable[..., Reader[Rows]] = resolve_name(self.readers[media_type])
            found = self._readers[media_type] = kind(self.model, self._max_instances)
        return found

    def format(self, media_type: str) -> Format[Rows, Predicted]:
        """The format of one of `answer_types`."""
        found = self._formats.get(media_type)
        if found is None:
            kind: Callable[..., Format[Rows, Predicted]]
            kind = resolve_name(self.formats[media_type])
            found = self._formats[media_type] = kind(self.model, self._max_instances)
        return found

    @abstractmethod
    def fits(self, rows: Rows) -> bool:
        """Whether the rows of a request may join a pass as they are, and be answered at once."""

    @cached_property
    def identity(self) -> list[RawHeader]:
        """The headers of answers that have no place for the model's name."""
        reference = model_reference(self.model)
        return [
            (f"x-model-{name}".replace("_", "-").encode(), value.encode())
            for name, value in reference.items()
        ]

    def choose(self, _request_id: bytes | None) -> Self:
        return self

    def count(self, chosen: object, status: int, seconds: float) -> None:
        """Does nothing: only a rollout compares versions."""

    @abstractmethod
    async def serve(
        self, call: Call[Result], _request_id: bytes | None, deadline: Deadline | None
    ) -> Result: ...

    def _hold(self, predictions: Sequence[Predicted]) -> None:
        if answer := current_answer.get():
            answer.held = partial(self.pipeline.report, predictions)
