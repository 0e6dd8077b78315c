"""POST /predict: flowers in, classes and probabilities out."""

from collections.abc import Iterable
from typing import Annotated, Protocol

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope

from app.api.answers import JsonFormat
from app.api.body import Body, Headers, media_type_of, read_body
from app.api.negotiation import choose_media_type
from app.api.schemas import PREDICTION_RESPONSES, problems
from app.errors import Overloaded, UnsupportedContent
from app.inference import MAX_BATCHED_ROWS, Inference, Prediction
from app.instances import Instances
from app.settings import Settings

router = APIRouter(tags=["predict"])
# A larger body takes longer to read than others should wait for the event loop.
MAX_LOOP_BYTES = 32 * 1024


class Format(Protocol):
    """One media type, both ways."""

    media_type: str

    def decode(self, body: Body) -> Instances: ...

    def encode(
        self, predictions: Iterable[Prediction], instances: Instances, log_probabilities: bool
    ) -> bytes | memoryview: ...


class PredictFace:
    """/predict for one model, in every media type that it speaks."""

    path = "/predict"

    def __init__(self, inference: Inference, settings: Settings) -> None:
        self.inference = inference
        self._settings = settings
        known: list[Format] = [JsonFormat(inference.predictor, settings.max_instances)]
        self._formats = {each.media_type: each for each in known}
        self._large = 0

    async def respond(
        self, scope: Scope, receive: Receive, *, log_probabilities: bool = False
    ) -> Response:
        """Raises RequestError, or Overloaded with nothing done."""
        headers: Headers = dict(scope["headers"])
        source = self._body_format(headers)
        target = self._answer_format(headers, source)
        body = await read_body(receive, headers, self._settings.max_body_bytes)
        content: bytes | memoryview | None = None
        if len(body) <= MAX_LOOP_BYTES:
            instances = source.decode(body)
            if len(instances.rows) <= MAX_BATCHED_ROWS:
                prediction = await self.inference.predict(instances.rows)
                content = target.encode([prediction], instances, log_probabilities)
        if content is None:
            content = await self._in_thread(source, target, body, log_probabilities)
        return _Content(content, target.media_type)

    async def _in_thread(
        self, source: Format, target: Format, body: Body, log_probabilities: bool
    ) -> bytes | memoryview:
        def answer() -> bytes | memoryview:
            instances = source.decode(body)
            predictions = self.inference.predict_chunks(instances.rows)
            return target.encode(predictions, instances, log_probabilities)

        if self._large >= self._settings.max_large_requests:
            raise Overloaded(f"{self._large} large requests are in work already; try again")
        self._large += 1
        try:
            return await run_in_threadpool(answer)
        finally:
            self._large -= 1

    def _body_format(self, headers: Headers) -> Format:
        given = media_type_of(headers, self._formats)
        try:
            return self._formats[given]
        except KeyError:
            accepted = " or ".join(self._formats)
            raise UnsupportedContent(f"Content-Type {given!r}; send {accepted}") from None

    def _answer_format(self, headers: Headers, source: Format) -> Format:
        accept = headers.get(b"accept", b"*/*")
        if accept == b"*/*":
            return source
        offered = dict.fromkeys([source.media_type, *self._formats])
        return self._formats[choose_media_type(accept.decode("latin-1"), offered)]


class _Content(Response):
    """A Response of bytes that are ready, without Starlette's general case of headers."""

    def __init__(self, body: bytes | memoryview, media_type: str) -> None:
        self.status_code = 200
        self.body = body
        self.background = None
        self.raw_headers = [
            (b"content-length", b"%d" % len(body)),
            (b"content-type", media_type.encode()),
        ]


class PredictQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    log_probabilities: bool = False


@router.post(
    PredictFace.path,
    summary="Classify one flower or many",
    responses=PREDICTION_RESPONSES | problems(400, 406, 413, 415, 422, 503),
)
async def predict(request: Request, query: Annotated[PredictQuery, Query()]) -> Response:
    face: PredictFace = request.app.state.predict
    return await face.respond(
        request.scope, request.receive, log_probabilities=query.log_probabilities
    )
