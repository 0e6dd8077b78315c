"""GET /models: the models and their versions, and the difference of two versions."""

from itertools import groupby
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.dependencies import ServiceDep
from app.api.openapi.schemas import problems
from app.api.service import Service
from app.predict import JSON
from app.registry import State, VersionStatus
from stateserve.inspect import Comparison, compare_states

router = APIRouter(tags=["models"])
_encode = msgspec.json.Encoder().encode
ModelName = Annotated[str, Path(description="a model's name, as GET /models lists it")]
Version = Annotated[str, Path(description="one of its versions")]


def of_model(model: ModelName) -> None:
    """Declares the path parameter, which app/api/dependencies.py reads."""


def of_version(model: ModelName, version: Version) -> None:
    """As of_model, with a version."""


class VersionView(BaseModel):
    """READY with a `reason` is served, but a newer file was refused for this reason."""

    version: str
    state: State
    reason: str | None


class ModelListing(BaseModel):
    """`default_version` answers requests that name no version; null while none is loaded."""

    name: str
    default_version: str | None
    versions: list[VersionView]


class Listing(BaseModel):
    """`default` answers at /predict and /state. `not_served` are misplaced files."""

    default: str
    models: list[ModelListing]
    not_served: list[str]


class DiffQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    first: str = Field(alias="from", min_length=1, description="the old version")
    second: str = Field(alias="to", min_length=1, description="the new version")


@router.get("/models", summary="Every model and the state of its versions", response_model=Listing)
async def list_models(service: ServiceDep) -> Response:
    registry = service.registry
    by_name = groupby(registry.statuses(), key=lambda status: status.name)
    models = [_outline(name, list(statuses)) for name, statuses in by_name]
    default, not_served = registry.repository.default, registry.not_served
    # msgspec encodes a thousand versions in 1 ms; pydantic would block the event loop for 30 ms.
    content = _encode({"default": default, "models": models, "not_served": not_served})
    return Response(content, media_type=JSON)


@router.get(
    "/models/{model}",
    summary="One model's versions",
    response_model=ModelListing,
    responses=problems(404),
)
async def read_model_versions(service: ServiceDep, model: ModelName) -> Response:
    return versions_of(service, model)


def versions_of(service: Service, model: str) -> Response:
    """A ModelListing. Raises ModelNotFound."""
    content = _encode(_outline(model, service.registry.statuses(model)))
    return Response(content, media_type=JSON)


# A plain function, so that FastAPI runs it in a thread: large states take long.
@router.get(
    "/models/{model}/diff",
    summary="The differences between two versions",
    responses=problems(404, 422),
)
def diff_versions(
    service: ServiceDep, model: ModelName, query: Annotated[DiffQuery, Query()]
) -> Comparison:
    first, second = (
        service.endpoint(model, version).model.module.state_dict()
        for version in (query.first, query.second)
    )
    return compare_states(first, second)


def _outline(name: str, statuses: list[VersionStatus]) -> dict[str, object]:
    """The fields of a ModelListing."""
    return {
        "name": name,
        "default_version": next((s.version for s in statuses if s.default), None),
        "versions": [
            {"version": s.version, "state": s.state, "reason": s.reason} for s in statuses
        ],
    }
