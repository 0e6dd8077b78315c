"""POST /predict: classes and probabilities of one flower or many."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.api.body import JSON_BYTES, PLAIN_JSON, media_type_of, read_body
from app.api.dependencies import EndpointDep, ServiceDep
from app.api.openapi.schemas import PREDICTION_RESPONSES, problems
from app.predict import (
    IN_SCOPE,
    JSON,
    PARAMETER,
    REQUEST_ID,
    Body,
    Deadline,
    Headers,
    Instances,
    MediaType,
    ModelEndpoint,
    Options,
    Predicted,
    Rows,
    choose_media_type,
)
from app.predict.codecs import model_reference

PATH = "/predict"
# For formats without warnings: the number of instances with a value beyond the training range.
OUT_OF_RANGE_ROWS = b"x-out-of-range-rows"
router = APIRouter(tags=["predict"])


@router.post(
    PATH,
    summary="Classify one flower or many",
    responses=PREDICTION_RESPONSES | problems(400, 406, 413, 415, 422, 501, 503, 504),
    openapi_extra={"parameters": [PARAMETER]},
)
async def predict(
    request: Request,
    endpoint: EndpointDep,
    service: ServiceDep,
    options: Annotated[Options, Query()],
) -> Response:
    settings, headers = service.settings, dict(request.scope["headers"])
    deadline = request.scope.get(IN_SCOPE)
    deadline = deadline or Deadline.of(headers, settings.request_timeout_seconds)
    source, target = PLAIN_JSON, JSON
    if not is_ordinary(headers):
        source = media_type_of(headers, endpoint.media_types())
        accept = headers.get(b"accept", b"*/*")
        target = _answer_type(accept, source.essence, endpoint.answer_types())
    with service.large.hold() as held:
        body = await read_body(request.receive, headers, settings.max_body_bytes, held=held)
    call = _Call(body, source, target, options)
    return await endpoint.serve(call, headers.get(REQUEST_ID), deadline)


def is_ordinary(headers: Headers) -> bool:
    """Whether body and answer are plain JSON, as in nearly all requests."""
    return (
        headers.get(b"content-type") == JSON_BYTES
        and headers.get(b"accept", b"*/*") == b"*/*"
        and b"content-encoding" not in headers
    )


def _answer_type(accept: bytes, source: str, offered: Sequence[str]) -> str:
    # The type of the body first: it is preferred if several are equally acceptable.
    preferred = dict.fromkeys([source, *offered] if source in offered else offered)
    if accept == b"*/*":
        return next(iter(preferred))
    return choose_media_type(accept.decode("latin-1"), preferred)


@dataclass
class _Call:
    body: Body
    source: MediaType
    target: str
    options: Options

    @property
    def size(self) -> int:
        return len(self.body)

    def read(self, model: ModelEndpoint[Rows, Predicted]) -> Instances[Rows]:
        return model.reader(self.source.essence).decode(self.body, self.source.parameters)

    def write(
        self,
        model: ModelEndpoint[Rows, Predicted],
        predictions: Iterable[Predicted],
        instances: Instances[Rows],
    ) -> Response:
        encode = model.format(self.target).encode
        if self.target == JSON:
            content = encode(predictions, instances, self.options)
            return _Content(content, JSON, [])
        outside = 0

        def counted() -> Iterator[Predicted]:
            nonlocal outside
            for prediction in predictions:
                outside += prediction.rows_outside()
                yield prediction

        content = encode(counted(), instances, self.options)
        # These formats have no place for the model and for warnings.
        identity = [
            (f"x-model-{name}".replace("_", "-").encode(), value.encode())
            for name, value in model_reference(model.model).items()
        ]
        if model.model.features:
            identity.append((OUT_OF_RANGE_ROWS, b"%d" % outside))
        return _Content(content, self.target, identity)


class _Content(Response):
    """A Response whose headers are set directly, which is faster than Starlette's."""

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
