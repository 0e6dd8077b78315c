"""Assembles the FastAPI application from the settings."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from fastapi import FastAPI

from app.api.auth.keys import Keys
from app.api.auth.rate_limits import Rates
from app.api.auth.route_scopes import Guard
from app.api.loading import load_service
from app.api.middleware.hosts import HostMiddleware, TrustedHosts
from app.api.middleware.request_log import AccessMiddleware
from app.api.middleware.security_headers import BrowserHeaders, allow_origins
from app.api.openapi.document import Document, title_of
from app.api.problems import install_error_handlers
from app.api.routes import routes_of
from app.api.service import Service
from app.monitor import AccessLog, RequestSpans, describe_answer, is_text, open_tracing
from app.registry import watch
from app.settings import Settings
from stateserve.errors import StateserveError
from stateserve.model import AnyModel, require_device
from stateserve.text import printable

if TYPE_CHECKING:
    from app.monitor import Tracing

# The most time at shutdown for the unwritten rows of the prediction log.
MOST_CLOSING_SECONDS = 5


def create_app(settings: Settings | None = None, shared: Path | None = None) -> FastAPI:
    """Load the models and assemble the service around them.

    The models are loaded before any socket listens, so the service is never partly started.
    Raises CheckpointError, ModelUnavailable, SettingsError or MissingExtra. Without `settings`,
    as under `uvicorn --factory`, it reads the environment, and an error ends the process with
    one line and status 1. `shared` is the folder of worker processes that are forked later.
    """
    if settings is None:
        try:
            return create_app(Settings.read())
        except StateserveError as error:
            sys.exit(f"stateserve: {printable(str(error))}")
    torch.set_num_threads(settings.threads)
    require_device(settings.device)
    # Before the models are loaded, so that errors in these settings appear at once.
    rates = Rates(shared and shared / "rates.lock")
    guard = Guard(Keys.of(settings, rates), everything=settings.api_keys is not None)
    hosts = TrustedHosts(settings.trusted_hosts)
    tracing = open_tracing(settings)
    service = load_service(settings, tracing, shared)
    app = _fastapi(service.endpoint().model)
    app.state.service = service
    app.state.tracing = tracing
    app.state.guard = guard
    install_error_handlers(app)
    app.router.routes.extend(routes_of(guarded=guard.on, rollout_too=bool(settings.targets)))
    app.state.document = Document(app, service, guard.needs)
    app.openapi = app.state.document.schema  # type: ignore[method-assign]
    if settings.trusted_hosts:
        app.add_middleware(HostMiddleware, hosts=hosts)
    app.add_middleware(BrowserHeaders, private=settings.api_keys is not None)
    _put_around(app, hosts, guard, tracing)
    return app


def _fastapi(default: AnyModel) -> FastAPI:
    return FastAPI(
        title=title_of(default),
        description="Serves PyTorch models and shows what is in them.",
        version=default.version,
        lifespan=_lifespan,
        # app/api/endpoints/docs.py has its own document and pages.
        openapi_url=None,
        # Behind a proxy the redirect would have the wrong scheme, host and prefix.
        redirect_slashes=False,
        # FastAPI's own tracing costs time at each request, and has no spans of the model
        # (app/monitor/request_spans.py and model_spans.py).
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )


def _put_around(app: FastAPI, hosts: TrustedHosts, guard: Guard, tracing: "Tracing | None") -> None:
    """Wrap FastAPI with the middleware of every request."""
    service: Service = app.state.service
    # Outermost, not by add_middleware, so that they include FastAPI's own answers.
    text = is_text(service.settings.log_format)
    log = AccessLog(service.metrics, describe_answer if tracing else None, text=text)
    access = AccessMiddleware(app, service, log)
    traced = RequestSpans(access, tracing.tracer) if tracing else access
    app.middleware_stack = allow_origins(traced, service.settings.cors_origins)
    app.state.access, app.state.hosts = access, hosts


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    tracing = app.state.tracing
    if tracing:
        tracing.start()
    service.warm_up()
    if service.log:
        service.log.start()
    # torch's objects live as long as the process: exclude them from garbage collections.
    gc.collect()
    gc.freeze()
    watching = asyncio.create_task(watch(service.registry)) if service.settings.hot_reload else None
    yield
    service.draining = True
    if watching:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    for model in service.registry.served():
        model.pipeline.close()
    if service.log:
        seconds = min(service.settings.drain_timeout_seconds, MOST_CLOSING_SECONDS)
        await asyncio.to_thread(service.log.close, seconds)
    if tracing:
        await asyncio.to_thread(tracing.close)
