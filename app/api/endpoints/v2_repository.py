"""The Open Inference Protocol's extensions for the model repository and model configuration."""

from typing import TypeVar

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from app.api.body import read_body
from app.api.dependencies import EndpointDep, ServiceDep
from app.api.endpoints.models import ModelName
from app.api.openapi.v2_schemas import errors_of
from app.api.service import Service
from app.predict import JSON, Headers
from app.predict.codecs import (
    FAULTS,
    ModelConfig,
    invalid_body,
    require_each_once,
    require_none_of,
)
from app.registry import IndexEntry

# Enough for these short bodies.
MOST_BYTES = 8 * 1024
Query = TypeVar("Query", bound=msgspec.Struct)
_encode = msgspec.json.Encoder().encode
router = APIRouter(tags=["open inference"])
# Of one model; included with and without a version in the path.
model_router = APIRouter(tags=["open inference"])
admin_router = APIRouter(tags=["open inference"], responses=errors_of(400, 404, 409, 503))


# Not read by FastAPI: clients send JSON without a Content-Type, or no body.
class IndexQuery(msgspec.Struct):
    ready: bool = False


class VerbQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`parameters` may contain a configuration or files, which are not accepted here."""

    parameters: dict[str, str | int | bool] = {}


@router.post(
    "/v2/repository/index",
    summary="Every version of every model",
    response_model=list[IndexEntry],
    responses=errors_of(400),
)
async def index(service: ServiceDep, request: Request) -> Response:
    query = await _read(request, service, IndexQuery)
    return Response(_encode(service.registry.index(ready=query.ready)), media_type=JSON)


@model_router.get("/config", summary="A model's configuration in Triton's format")
async def config(service: ServiceDep, endpoint: EndpointDep) -> ModelConfig:
    return ModelConfig.of(endpoint.v2_model, service.settings.max_instances)


@admin_router.post(
    "/v2/repository/models/{model}/load",
    summary="Load the versions of the policy",
    response_class=Response,
)
async def load(service: ServiceDep, model: ModelName, request: Request) -> Response:
    require_none_of((await _read(request, service, VerbQuery)).parameters, to_load=True)
    await service.verbs.load(model)
    return Response()


@admin_router.post(
    "/v2/repository/models/{model}/unload",
    summary="Take a model out of service",
    response_class=Response,
)
async def unload(service: ServiceDep, model: ModelName, request: Request) -> Response:
    require_none_of((await _read(request, service, VerbQuery)).parameters, to_load=False)
    await service.verbs.unload(model)
    return Response()


async def _read(request: Request, service: Service, kind: type[Query]) -> Query:
    headers: Headers = dict(request.scope["headers"])
    body = await read_body(
        request.receive, headers, min(MOST_BYTES, service.settings.max_body_bytes)
    )
    try:
        text = bytes(body or b"{}")
        query = msgspec.json.decode(text, type=kind)
        # Mostly one field.
        require_each_once(text, 1)
        return query
    except FAULTS as error:
        raise invalid_body(error) from None
