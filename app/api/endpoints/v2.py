"""The Open Inference Protocol v2 over HTTP: health, metadata and inference, under /v2."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from app.api.body import read_body, require_plain
from app.api.dependencies import EndpointDep, ServiceDep
from app.api.openapi.v2_schemas import INFER_OPERATION, errors_of
from app.predict import (
    JSON,
    REQUEST_ID,
    Body,
    Deadline,
    Headers,
    Instances,
    ModelEndpoint,
    Predicted,
    Rows,
)
from app.predict.codecs import (
    JSON_LENGTH,
    InferRequest,
    ModelMetadata,
    ServerMetadata,
    read_request,
    render,
)

router = APIRouter(tags=["open inference"])
# Of one model; included with and without a version in the path.
model_router = APIRouter(tags=["open inference"])


class ServerLive(BaseModel):
    live: bool = True


class ServerReady(ServerLive):
    """The protocol's text names the field `live`; its clients read `ready`."""

    ready: bool = True


class ModelReady(BaseModel):
    name: str
    ready: bool = True


@router.get("/v2", summary="The server's name, version and extensions")
@router.get("/v2/", include_in_schema=False)
async def server_metadata() -> ServerMetadata:
    return ServerMetadata()


@router.get("/v2/health/live", summary="Whether the process runs")
async def live() -> ServerLive:
    return ServerLive()


@router.get("/v2/health/ready", summary="Whether the service is ready", responses=errors_of(503))
async def ready(service: ServiceDep) -> ServerReady:
    service.require_ready()
    return ServerReady()


@model_router.get("", summary="A model's inputs and outputs")
async def model_metadata(endpoint: EndpointDep, service: ServiceDep) -> ModelMetadata:
    model = endpoint.v2_model
    return ModelMetadata.of(model, service.registry.ready_versions(model.name))


@model_router.get("/ready", summary="Whether the model is ready")
async def model_ready(endpoint: EndpointDep) -> ModelReady:
    return ModelReady(name=endpoint.v2_model.name)


@model_router.post(
    "/infer",
    summary="Predict from tensors",
    openapi_extra=INFER_OPERATION,
    response_class=Response,
    responses=errors_of(400, 413, 501, 504),
)
async def infer(request: Request, endpoint: EndpointDep, service: ServiceDep) -> Response:
    headers: Headers = dict(request.scope["headers"])
    require_plain(headers)
    with service.large.hold() as held:
        limit = service.settings.max_body_bytes
        body = await read_body(request.receive, headers, limit, held=held)
    deadline = Deadline.of(headers, service.settings.request_timeout_seconds)
    return await endpoint.serve(_Call(headers, body), headers.get(REQUEST_ID), deadline)


@dataclass
class _Call:
    headers: Headers
    body: Body
    _request: InferRequest = field(init=False)

    @property
    def size(self) -> int:
        return len(self.body)

    def read(self, model: ModelEndpoint[Rows, Predicted]) -> Instances[Rows]:
        self._request = read_request(self.headers, self.body, model.v2_model)
        return model.v2_model.instances(self._request.inputs)

    def write(
        self,
        model: ModelEndpoint[Rows, Predicted],
        predictions: Iterable[Predicted],
        _instances: Instances[Rows],
    ) -> Response:
        outputs = model.v2_model.tensors(predictions, self._request.outputs)
        content, json_length = render(self._request, model.v2_model, outputs)
        if json_length is None:
            return Response(content, media_type=JSON)
        binary, lengths = "application/octet-stream", {JSON_LENGTH: str(json_length)}
        return Response(content, media_type=binary, headers=lengths)
