"""Assembly: settings in, a FastAPI application out."""

import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import torch
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from app.api import explain, model, operations, predict, state
from app.api.access import AccessMiddleware
from app.api.body import JSON
from app.api.error_handlers import install_error_handlers
from app.api.schemas import install_openapi
from app.errors import ServiceError
from app.inference import Inference
from app.metrics import Metrics
from app.predictor import Predictor
from app.service import Service
from app.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """Load the model and assemble the service around it.

    The model is loaded here, before anything listens, so there is never a half-started
    service. Raises CheckpointError. Without `settings`, as under `uvicorn --factory`, they
    are read from the environment, and an error ends the process: one line, status 1.
    """
    if settings is None:
        try:
            return create_app(Settings.read())
        except ServiceError as error:
            sys.exit(f"app: {error}")
    torch.set_num_threads(1)
    predictor = Predictor.load(settings.model)
    metrics = Metrics()
    inference = Inference(predictor, metrics, settings.max_queued_requests)
    service = Service(settings, metrics, inference)
    face = predict.PredictFace(inference, settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.warm_up()
        # torch's objects live as long as the process: keep the collector from walking them.
        gc.collect()
        gc.freeze()
        yield
        service.draining = True
        inference.close()

    # FastAPI's own /docs fetches its scripts from a CDN; this one brings them along.
    app = FastAPIOffline(
        title=f"{predictor.name}: predictions and parameters",
        description="Serves a PyTorch classifier and shows what is in it.",
        version=predictor.version,
        lifespan=lifespan,
        redoc_url=None,
        # FastAPI would ask the environment at each request whether somebody traces it.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.service = service
    app.state.predict = face
    install_error_handlers(app)
    binary_types = [name for name in predict.media_types() if name != JSON]
    install_openapi(app, predictor.card, settings.max_instances, binary_types)
    for module in (predict, explain, state, model, operations):
        app.include_router(module.router)
    # Outermost, not by add_middleware: what it answers itself passes by FastAPI's own layers.
    app.middleware_stack = AccessMiddleware(app, service, {face.path: face.respond})
    return app
