"""The routes of all endpoints."""

from functools import cache
from typing import Any

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from app.api.auth.route_scopes import OF_A_MODEL, require_key
from app.api.dependencies import require_parameters_once
from app.api.endpoints import (
    admin,
    docs,
    explain,
    feedback,
    health,
    model,
    models,
    monitoring,
    page,
    predict,
    rollout,
    state,
    v2,
    v2_repository,
    v2_statistics,
)
from app.api.open_inference import is_open_inference
from app.api.openapi import v2_schemas
from app.api.openapi.schemas import problems


def operation_id(route: APIRoute) -> str:
    """A name that is the same in each release, for generated clients: `predict`,
    `predict_of_model`, `predict_of_version`, `v2_infer_of_model`."""
    name = f"v2_{route.name}" if is_open_inference(route.path) else route.name
    found = OF_A_MODEL.match(route.path)
    if found is None or "models" in route.tags:
        return name
    return f"{name}_of_version" if found[2] else f"{name}_of_model"


@cache
def routes_of(*, guarded: bool, rollout_too: bool) -> list[BaseRoute]:
    """The routes, the admin verbs only if keys are checked.

    Applications share them, because FastAPI takes some 200 ms to build them.
    """
    root = APIRouter(
        dependencies=[
            *([Depends(require_key)] if guarded else []),
            Depends(require_parameters_once),
        ],
        generate_unique_id_function=operation_id,
    )
    # Each endpoint is declared once and served under three prefixes: for the default model, for
    # each model, and for each version.
    places: dict[str, list[Any]] = {
        "": [],
        "/models/{model}": [Depends(models.of_model)],
        "/models/{model}/versions/{version}": [Depends(models.of_version)],
    }
    for prefix, dependencies in places.items():
        for module in (predict, explain, state, model, monitoring):
            root.include_router(
                module.router,
                prefix=prefix,
                dependencies=dependencies,
                responses=problems(404, 503) if prefix else problems(503),
            )
    # Paths without a model name are included first: in /v2/models/stats, stats is no model.
    root.include_router(v2_repository.router)
    root.include_router(v2_statistics.router)
    of_a_model: list[Any] = [v2, v2_repository, v2_statistics]
    for prefix, dependencies in list(places.items())[1:]:
        for module in of_a_model:
            root.include_router(
                module.model_router,
                prefix=f"/v2{prefix}",
                dependencies=dependencies,
                responses=v2_schemas.errors_of(404, 503),
            )
    root.include_router(v2.router)
    root.include_router(models.router)
    root.include_router(feedback.router)
    if rollout_too:
        root.include_router(rollout.router)
    if guarded:
        root.include_router(admin.router)
        root.include_router(v2_repository.admin_router)
    root.include_router(health.router)
    root.include_router(docs.router)
    root.include_router(page.router)
    return root.routes
