"""The Open Inference Protocol's statistics extension: requests and durations of every version."""

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.api.dependencies import EndpointDep, ServiceDep
from app.api.service import Service
from app.monitor import ServerStatistics
from app.predict import JSON

router = APIRouter(tags=["open inference"])
# Of one model; included with and without a version in the path.
model_router = APIRouter(tags=["open inference"])


@router.get(
    "/v2/models/stats", summary="Statistics of every version", response_model=ServerStatistics
)
async def all_statistics(service: ServiceDep) -> Response:
    return await _answer(service)


@model_router.get(
    "/stats",
    summary="Statistics of one version of a model, or of all its versions",
    response_model=ServerStatistics,
)
async def statistics(service: ServiceDep, endpoint: EndpointDep, request: Request) -> Response:
    return await _answer(service, endpoint.v2_model.name, request.path_params.get("version"))


async def _answer(
    service: Service, name: str | None = None, version: str | None = None
) -> Response:
    def write() -> bytes:
        return service.statistics(name, version).model_dump_json().encode()

    return Response(await run_in_threadpool(write), media_type=JSON)
