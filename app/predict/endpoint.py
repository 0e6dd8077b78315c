"""One model behind /predict, in every media type that it speaks."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from importlib.util import find_spec
from pkgutil import resolve_name
from typing import Protocol, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope

from app.predict.body import JSON_BYTES, Body, media_type_of, read_body
from app.predict.codecs.json_answer import model_reference
from app.predict.codecs.json_request import Instances
from app.predict.codecs.v2_model import OpenModel
from app.predict.deadline import HEADER, IN_SCOPE, Deadline
from app.predict.headers import Headers
from app.predict.large_requests import LargeRequests
from app.predict.media_types import ARROW, JSON, NPY, choose_media_type
from app.predict.options import NOTHING_MORE, Asked
from app.predict.pipeline import MAX_BATCHED_ROWS, Inference
from app.predict.prediction import Prediction
from app.predict.tally import current_tally, keep
from app.settings import Settings
from stateserve.model.architectures import FloatArray

T = TypeVar("T")
Request = TypeVar("Request")
# How many instances of an answer without warnings have a value beyond the training range.
OUT_OF_RANGE_ROWS = b"x-out-of-range-rows"
FORMATS = {
    JSON: "app.predict.codecs.json_answer:JsonFormat",
    NPY: "app.predict.codecs.npy:NpyFormat",
    ARROW: "app.predict.codecs.arrow:ArrowFormat",
}
# A larger body takes longer to read, in the worst case, than others should wait for the event loop.
MAX_LOOP_BYTES = 16 * 1024


class Format(Protocol):
    """One media type, both ways."""

    media_type: str

    def decode(self, body: Body) -> Instances: ...

    def encode(
        self, predictions: Iterable[Prediction], instances: Instances, asked: Asked, /
    ) -> bytes | memoryview: ...


def media_types() -> list[str]:
    """What is spoken here: JSON, `.npy`, and Arrow where pyarrow is installed."""
    return [name for name in FORMATS if name != ARROW or find_spec("pyarrow")]


class PredictFace:
    """/predict for one model, in every media type that it speaks."""

    path = "/predict"

    def __init__(self, inference: Inference, settings: Settings, large: LargeRequests) -> None:
        self.inference = inference
        self._settings = settings
        self._timeout = settings.request_timeout_seconds
        self._formats: dict[str, Format | None] = dict.fromkeys(media_types())
        self.json = self._format(JSON)
        self._identity = [
            (f"x-model-{name}".replace("_", "-").encode(), value.encode())
            for name, value in model_reference(inference.predictor).items()
        ]
        self.open_model = OpenModel(inference.predictor, settings.max_instances)
        self.large = large

    @staticmethod
    def is_ordinary(headers: Headers) -> bool:
        """Whether they ask for JSON of JSON, and for nothing else: what nearly everybody sends."""
        return (
            headers.get(b"content-type") == JSON_BYTES
            and headers.get(b"accept", b"*/*") == b"*/*"
            and b"content-encoding" not in headers
        )

    async def respond(
        self, scope: Scope, receive: Receive, asked: Asked = NOTHING_MORE
    ) -> Response:
        """Raises RequestError, NotProvided, DeadlineExceeded, or Overloaded with nothing done."""
        headers: Headers = dict(scope["headers"])
        deadline = scope.get(IN_SCOPE) or self.deadline_of(headers)
        source = target = self.json
        if not self.is_ordinary(headers):
            source = target = self._format(media_type_of(headers, self._formats))
            if headers.get(b"accept", b"*/*") != b"*/*":
                target = self._answer_format(headers[b"accept"], source)
        body = await read_body(receive, headers, self._settings.max_body_bytes)

        def read() -> tuple[Instances, FloatArray]:
            instances = source.decode(body)
            return instances, instances.rows

        outside = 0

        def write(predictions: Iterable[Prediction], instances: Instances) -> bytes | memoryview:
            def counted() -> Iterator[Prediction]:
                nonlocal outside
                for prediction in predictions:
                    outside += prediction.rows_outside()
                    yield prediction

            if target.media_type == JSON:
                return target.encode(predictions, instances, asked)
            return target.encode(counted(), instances, asked)

        content = await self.serve(len(body), read, write, deadline)
        if target.media_type == JSON:
            return _Content(content, target.media_type, [])
        # Numbers alone do not say whose they are, nor which are extrapolated.
        extra = [*self._identity, (OUT_OF_RANGE_ROWS, b"%d" % outside)]
        return _Content(content, target.media_type, extra)

    async def answered(self, _headers: Headers, ask: Callable[["PredictFace"], Awaitable[T]]) -> T:
        """What this face says when asked so; of several, as in a rollout, headers choose one."""
        return await ask(self)

    def deadline_of(self, headers: Headers) -> Deadline | None:
        """Raises InvalidTimeout."""
        if self._timeout or HEADER in headers:
            return Deadline.of(headers, self._timeout)
        return None

    async def serve(
        self,
        size: int,
        read: Callable[[], tuple[Request, FloatArray]],
        write: Callable[[Iterable[Prediction], Request], T],
        deadline: Deadline | None,
    ) -> T:
        """What `write` makes of what `read` finds in a body of `size` bytes, and its predictions.

        Little is read and written on the event loop and predicted with others of its tick; of
        the rest it is all done in a thread. Raises what these two raise, InvalidInstances on
        overflow, DeadlineExceeded, or Overloaded with nothing done.
        """
        found: tuple[Request, FloatArray] | None = None
        if size <= MAX_LOOP_BYTES:
            request, rows = found = read()
            if len(rows) <= MAX_BATCHED_ROWS:
                predictions = [await self.inference.predict(rows, deadline)]
                content = write(predictions, request)
                self._hold(predictions)
                return content

        def answer() -> T:
            request, rows = found or read()
            kept: list[Prediction] = []
            predictions = keep(self.inference.predict_chunks(rows), kept)
            if deadline is not None:
                predictions = deadline.require_each(predictions)
            content = write(predictions, request)
            self._hold(kept)
            return content

        return await self.large.run(answer)

    def _hold(self, predictions: list[Prediction]) -> None:
        if tally := current_tally.get():
            tally.held = self.inference, predictions

    def _answer_format(self, accept: bytes, source: Format) -> Format:
        # The body's own type first, so that it wins a tie.
        offered = dict.fromkeys([source.media_type, *self._formats])
        return self._format(choose_media_type(accept.decode("latin-1"), offered))

    def _format(self, media_type: str) -> Format:
        found = self._formats[media_type]
        if found is None:
            # Made when first asked for: who sends no Arrow does not wait for its import.
            kind = resolve_name(FORMATS[media_type])
            found = kind(self.inference.predictor, self._settings.max_instances)
            self._formats[media_type] = found
        return found


class _Content(Response):
    """A Response of bytes that are ready, without Starlette's general case of headers."""

    def __init__(
        self, body: bytes | memoryview, media_type: str, extra: list[tuple[bytes, bytes]]
    ) -> None:
        self.status_code = 200
        self.body = body
        self.background = None
        self.raw_headers = [
            (b"content-length", b"%d" % len(body)),
            (b"content-type", media_type.encode()),
            *extra,
        ]
