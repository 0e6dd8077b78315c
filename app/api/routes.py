"""Includes the routers of all endpoints in the application."""

from typing import Any

from fastapi import Depends, FastAPI

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
from app.api.openapi import v2_schemas
from app.api.openapi.schemas import problems
from app.settings import Settings


def include_routers(app: FastAPI, settings: Settings, *, admin_too: bool) -> None:
    # Each endpoint is declared once and served under three prefixes: for the default model, for
    # each model, and for each version.
    places: dict[str, list[Any]] = {
        "": [],
        "/models/{model}": [Depends(models.of_model)],
        "/models/{model}/versions/{version}": [Depends(models.of_version)],
    }
    for prefix, dependencies in places.items():
        for module in (predict, explain, state, model, monitoring):
            app.include_router(
                module.router,
                prefix=prefix,
                dependencies=dependencies,
                responses=problems(404, 503) if prefix else problems(503),
            )
    # Paths without a model name are included first: in /v2/models/stats, stats is no model.
    app.include_router(v2_repository.router)
    app.include_router(v2_statistics.router)
    of_a_model: list[Any] = [v2, v2_repository, v2_statistics]
    for prefix, dependencies in list(places.items())[1:]:
        for module in of_a_model:
            app.include_router(
                module.model_router,
                prefix=f"/v2{prefix}",
                dependencies=dependencies,
                responses=v2_schemas.errors_of(404, 503),
            )
    app.include_router(v2.router)
    app.include_router(models.router)
    app.include_router(feedback.router)
    if settings.targets:
        app.include_router(rollout.router)
    if admin_too:
        app.include_router(admin.router)
        app.include_router(v2_repository.admin_router)
    app.include_router(health.router)
    app.include_router(docs.router)
    app.include_router(page.router)
