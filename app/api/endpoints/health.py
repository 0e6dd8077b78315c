"""GET /health/live, /health/ready and /metrics, for orchestrators and Prometheus."""

from typing import Literal

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from app.api.dependencies import ServiceDep
from app.api.openapi.schemas import problems

router = APIRouter(tags=["operations"])


class Live(BaseModel):
    status: Literal["live"] = "live"


class Ready(BaseModel):
    status: Literal["ready"] = "ready"


@router.get("/health/live", summary="Whether the process runs")
async def live() -> Live:
    return Live()


@router.get("/health/ready", summary="Whether the service is ready", responses=problems(503))
async def ready(service: ServiceDep) -> Ready:
    service.require_ready()
    return Ready()


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(service: ServiceDep) -> Response:
    content = await run_in_threadpool(service.metrics.render)
    return Response(content, headers={"Content-Type": CONTENT_TYPE_LATEST})
