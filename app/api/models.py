"""GET /models: which models and versions there are, and how two versions differ."""

from itertools import groupby
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from app.api.dependencies import ServiceDep
from app.api.schemas import problems
from app.comparison import Comparison, compare_states
from app.versions import State, VersionStatus

router = APIRouter(tags=["models"])
ModelName = Annotated[str, Path(description="a model's name, as GET /models lists it")]
Version = Annotated[str, Path(description="one of its versions")]


def of_model(model: ModelName) -> None:
    """Declares the path parameter that app.api.dependencies reads."""


def of_version(model: ModelName, version: Version) -> None:
    """As of_model, with a version."""


class VersionView(BaseModel):
    """READY with a reason serves on, but refused a newer file for that reason."""

    version: str
    state: State
    reason: str | None


class ModelListing(BaseModel):
    """`default_version` answers when a request names none; null while none is loaded."""

    name: str
    default_version: str | None
    versions: list[VersionView]


class Listing(BaseModel):
    """`default` answers at /predict and /state. `strays` are files in a wrong place."""

    default: str
    models: list[ModelListing]
    strays: list[str]


class DiffQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    first: str = Field(alias="from", description="the version to start from")
    second: str = Field(alias="to", description="the version to go to")


@router.get("/models", summary="Every model and where its versions stand")
async def list_models(service: ServiceDep) -> Listing:
    registry = service.registry
    by_name = groupby(registry.statuses(), key=lambda status: status.name)
    models = [_listing(name, list(statuses)) for name, statuses in by_name]
    return Listing(default=registry.repository.default, models=models, strays=registry.strays)


@router.get("/models/{model}", summary="One model's versions", responses=problems(404))
async def read_model_versions(service: ServiceDep, model: ModelName) -> ModelListing:
    return _listing(model, service.registry.statuses(model))


# A plain function: FastAPI runs it in a thread, for large states take a while.
@router.get(
    "/models/{model}/diff",
    summary="What changed from one version to another",
    responses=problems(404, 422),
)
def diff_versions(
    service: ServiceDep, model: ModelName, query: Annotated[DiffQuery, Query()]
) -> Comparison:
    first, second = (
        service.face(model, version).inference.predictor.module.state_dict()
        for version in (query.first, query.second)
    )
    return compare_states(first, second)


def _listing(name: str, statuses: list[VersionStatus]) -> ModelListing:
    return ModelListing(
        name=name,
        default_version=next((s.version for s in statuses if s.default), None),
        versions=[VersionView.model_validate(s, from_attributes=True) for s in statuses],
    )
