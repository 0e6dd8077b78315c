"""POST /models/{model}/load, /unload and /default; they need API keys or an admin token."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.body import read_body
from app.api.dependencies import ServiceDep
from app.api.endpoints.models import ModelListing, ModelName, versions_of
from app.api.openapi.schemas import problems
from app.errors import InvalidQuery
from app.predict import Headers

# Enough to see that there is a body.
MOST_BYTES = 8 * 1024


class VersionsQuery(BaseModel):
    """Nothing else is taken: a version under another name would be taken for all versions."""

    model_config = ConfigDict(extra="forbid")

    version: str | None = Field(None, description="absent: all versions")


class VersionQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: str


async def require_no_body(request: Request) -> None:
    """Raise InvalidQuery for a body, which would have no effect."""
    headers: Headers = dict(request.scope["headers"])
    if (await read_body(request.receive, headers, MOST_BYTES)).strip() not in (b"", b"{}"):
        raise InvalidQuery("a body; the version is given in the query: ?version=1")


router = APIRouter(
    tags=["admin"],
    dependencies=[Depends(require_no_body)],
    responses=problems(404, 409, 413, 422, 503),
)


@router.post(
    "/models/{model}/load",
    summary="Load the versions of the policy, or one version",
    response_model=ModelListing,
)
async def load(
    service: ServiceDep, model: ModelName, query: Annotated[VersionsQuery, Query()]
) -> Response:
    await service.verbs.load(model, query.version)
    return versions_of(service, model)


@router.post(
    "/models/{model}/unload",
    summary="Take a model or one version out of service",
    response_model=ModelListing,
)
async def unload(
    service: ServiceDep, model: ModelName, query: Annotated[VersionsQuery, Query()]
) -> Response:
    await service.verbs.unload(model, query.version)
    return versions_of(service, model)


@router.post(
    "/models/{model}/default",
    summary="Make one version the default, for example to roll back",
    response_model=ModelListing,
)
async def set_default(
    service: ServiceDep, model: ModelName, query: Annotated[VersionQuery, Query()]
) -> Response:
    await service.verbs.set_default(model, query.version)
    return versions_of(service, model)
