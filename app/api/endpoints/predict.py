"""POST /predict: the outputs of the model for one instance or many."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.api.body import PLAIN_JSON, UNDECLARED_TYPE, declared_type, found_type, read_body
from app.api.dependencies import EndpointDep, ServiceDep
from app.api.openapi.schemas import PREDICTION_RESPONSES, problems
from app.predict import (
    IN_SCOPE,
    JSON,
    NPY,
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
    RawHeader,
    Rows,
    choose_media_type,
)
from stateserve.model import AnyModel

PATH = "/predict"
# For formats without warnings: the number of instances with a value beyond the training range.
OUT_OF_RANGE_ROWS = b"x-out-of-range-rows"
ORDINARY: dict[bytes | None, str] = {media_type.encode(): media_type for media_type in (JSON, NPY)}


class Identified(Protocol):
    """A model whose headers name it."""

    @property
    def model(self) -> AnyModel: ...

    @property
    def identity(self) -> list[RawHeader]: ...


router = APIRouter(tags=["predict"])


@router.post(
    PATH,
    summary="Predict one instance or many",
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
    if ordinary_type(headers) != JSON:
        source = declared_type(headers, endpoint.media_types())
        accept = headers.get(b"accept", b"*/*")
        target = _answer_type(accept, source.essence, endpoint.answer_types())
    with service.large.hold() as held:
        body = await read_body(request.receive, headers, settings.max_body_bytes, held=held)
    if source is UNDECLARED_TYPE:
        source = found_type(source, body, headers, endpoint.media_types())
    call = _Call(body, source, target, options)
    return await endpoint.serve(call, headers.get(REQUEST_ID), deadline)


def ordinary_type(headers: Headers) -> str | None:
    """The media type of body and answer, if they have the same and nothing is unusual."""
    given = headers.get(b"content-type")
    if given not in ORDINARY or b"content-encoding" in headers:
        return None
    accepted = b"accept" not in headers or headers[b"accept"] in (b"*/*", given)
    return ORDINARY[given] if accepted else None


def answer_headers(model: Identified, media_type: str, outside: int) -> list[RawHeader]:
    """The headers of an answer besides its length; `outside` counts the rows beyond the ranges."""
    headers = [(b"content-type", media_type.encode())]
    if media_type != JSON:
        # Other formats have no place for the model and for warnings.
        headers += model.identity
        if model.model.features:
            headers.append((OUT_OF_RANGE_ROWS, b"%d" % outside))
    return headers


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
        parameters = self.source.parameters
        if self.options.skip_bad_rows:
            parameters = {**parameters, "skip_bad_rows": ""}
        return model.reader(self.source.essence).decode(self.body, parameters)

    def write(
        self,
        model: ModelEndpoint[Rows, Predicted],
        predictions: Iterable[Predicted],
        instances: Instances[Rows],
    ) -> Response:
        outside = 0

        def counted() -> Iterator[Predicted]:
            nonlocal outside
            for prediction in predictions:
                outside += prediction.rows_outside()
                yield prediction

        # JSON has the warnings of each row.
        read = predictions if self.target == JSON else counted()
        content = model.format(self.target).encode(read, instances, self.options)
        return _Content(content, answer_headers(model, self.target, outside))


class _Content(Response):
    """A Response whose headers are set directly, which is faster than Starlette's."""

    def __init__(self, body: bytes | memoryview, headers: list[RawHeader]) -> None:
        self.status_code = 200
        self.body = body
        self.background = None
        self.raw_headers = [(b"content-length", b"%d" % len(body)), *headers]
