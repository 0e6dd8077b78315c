"""POST /models/{model}/load, /unload and /default; they need API keys or an admin token."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from app.api.dependencies import ServiceDep
from app.api.endpoints.models import ModelListing, ModelName, versions_of
from app.api.openapi.schemas import problems

router = APIRouter(
    tags=["admin"],
    responses=problems(404, 409, 422, 503),
)
OptionalVersion = Annotated[str | None, Query(description="absent: all versions")]


@router.post(
    "/models/{model}/load",
    summary="Load the versions of the policy, or one version",
    response_model=ModelListing,
)
async def load(service: ServiceDep, model: ModelName, version: OptionalVersion = None) -> Response:
    await service.verbs.load(model, version)
    return versions_of(service, model)


@router.post(
    "/models/{model}/unload",
    summary="Take a model or one version out of service",
    response_model=ModelListing,
)
async def unload(
    service: ServiceDep, model: ModelName, version: OptionalVersion = None
) -> Response:
    await service.verbs.unload(model, version)
    return versions_of(service, model)


@router.post(
    "/models/{model}/default",
    summary="Make one version the default, for example to roll back",
    response_model=ModelListing,
)
async def set_default(
    service: ServiceDep, model: ModelName, version: Annotated[str, Query()]
) -> Response:
    await service.verbs.set_default(model, version)
    return versions_of(service, model)
