"""What changes which models are served; there only where a token is set, and for its bearer."""

import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.api.dependencies import ServiceDep
from app.api.models import ModelListing, ModelName, read_model_versions
from app.api.schemas import problems
from app.errors import Unauthorized

# Without its own error, which is not ours.
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


def require_token(service: ServiceDep, credentials: Credentials) -> None:
    token = service.settings.admin_token
    given = credentials.credentials.encode("latin-1") if credentials else b""
    # In constant time: how long a wrong token takes says nothing of the right one.
    if token is None or not hmac.compare_digest(given, token.get_secret_value().encode()):
        raise Unauthorized("Authorization: Bearer and the admin token are needed")


router = APIRouter(
    tags=["admin"],
    dependencies=[Depends(require_token)],
    responses=problems(401, 404, 409, 422, 503),
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
