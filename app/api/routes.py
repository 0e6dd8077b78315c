"""The routes of all endpoints."""

from functools import cache

from fastapi import APIRouter, Depends, params
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from app.api.auth.route_scopes import OF_A_MODEL, require_key
from app.api.dependencies import require_model_in_path, require_parameters_once
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

# Each endpoint of a model is declared once and served under three prefixes: for the default
# model, for each model, and for each version.
IN_PATH = Depends(require_model_in_path)
PLACES: dict[str, list[params.Depends]] = {
    "": [IN_PATH],
    "/models/{model}": [IN_PATH, Depends(models.of_model)],
    "/models/{model}/versions/{version}": [IN_PATH, Depends(models.of_version)],
}


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
    key = [Depends(require_key)] if guarded else []
    root = APIRouter(
        dependencies=[*key, Depends(require_parameters_once)],
        generate_unique_id_function=operation_id,
    )
    for prefix, dependencies in PLACES.items():
        responses = problems(404, 503) if prefix else problems(503)
        for module in (predict, explain, state, model, monitoring):
            root.include_router(
                module.router, prefix=prefix, dependencies=dependencies, responses=responses
            )
    # Paths without a model name are included first: in /v2/models/stats, stats is no model.
    root.include_router(v2_repository.router, dependencies=[IN_PATH])
    root.include_router(v2_statistics.router, dependencies=[IN_PATH])
    responses = v2_schemas.errors_of(404, 503)
    for prefix, dependencies in list(PLACES.items())[1:]:
        for of_model in (v2.model_router, v2_repository.model_router, v2_statistics.model_router):
            root.include_router(
                of_model, prefix=f"/v2{prefix}", dependencies=dependencies, responses=responses
            )
    root.include_router(models.router, dependencies=[IN_PATH])
    routers = [v2.router, feedback.router]
    if rollout_too:
        routers += [rollout.router]
    if guarded:
        routers += [admin.router, v2_repository.admin_router]
    for router in (*routers, health.router, docs.router, page.router):
        root.include_router(router)
    return root.routes
