"""What changes which models are served; there only where a key has the scope admin."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.api.dependencies import ServiceDep
from app.api.models import ModelListing, ModelName, read_model_versions
from app.api.schemas import problems

router = APIRouter(
    tags=["admin"],
    responses=problems(404, 409, 422, 503),
)
OptionalVersion = Annotated[str | None, Query(description="all that is meant, if absent")]


@router.post("/models/{model}/load", summary="Load from disk what changed, or one version")
async def load(
    service: ServiceDep, model: ModelName, version: OptionalVersion = None
) -> ModelListing:
    await service.verbs.load(model, version)
    return await read_model_versions(service, model)


@router.post("/models/{model}/unload", summary="Take a model or one version out of service")
async def unload(
    service: ServiceDep, model: ModelName, version: OptionalVersion = None
) -> ModelListing:
    await service.verbs.unload(model, version)
    return await read_model_versions(service, model)


@router.post("/models/{model}/default", summary="Make one version the default: roll back")
async def set_default(
    service: ServiceDep, model: ModelName, version: Annotated[str, Query()]
) -> ModelListing:
    await service.verbs.set_default(model, version)
    return await read_model_versions(service, model)
