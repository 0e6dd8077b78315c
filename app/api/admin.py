"""What changes which models are served; there only where a token is set, and for its bearer."""

import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.security import HTTPBearer

from app.api.dependencies import ServiceDep
from app.api.models import ModelListing, ModelName, read_model_versions
from app.api.schemas import problems
from app.errors import Unauthorized


def _require_token(request: Request, service: ServiceDep) -> None:
    token = service.settings.admin_token
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    # In constant time: how long a wrong token takes says nothing of the right one.
    expected = token.get_secret_value().encode() if token else b""
    right = hmac.compare_digest(given.strip().encode("latin-1"), expected)
    if scheme.lower() != "bearer" or not expected or not right:
        raise Unauthorized("Authorization: Bearer and the admin token are needed")


router = APIRouter(
    tags=["admin"],
    # HTTPBearer documents the scheme; the answer to a wrong one is ours.
    dependencies=[Depends(HTTPBearer(auto_error=False)), Depends(_require_token)],
    responses=problems(401, 404, 409, 422, 503),
)
OptionalVersion = Annotated[str | None, Query(description="all that is meant, if absent")]


@router.post("/models/{model}/load", summary="Load from disk what changed, or one version")
async def load(
    service: ServiceDep, model: ModelName, version: OptionalVersion = None
) -> ModelListing:
    await service.registry.load(model, version)
    return await read_model_versions(service, model)


@router.post("/models/{model}/unload", summary="Take a model or one version out of service")
async def unload(
    service: ServiceDep, model: ModelName, version: OptionalVersion = None
) -> ModelListing:
    await service.registry.unload(model, version)
    return await read_model_versions(service, model)


@router.post("/models/{model}/default", summary="Make one version the default: roll back")
async def set_default(
    service: ServiceDep, model: ModelName, version: Annotated[str, Query()]
) -> ModelListing:
    await service.registry.set_default(model, version)
    return await read_model_versions(service, model)
