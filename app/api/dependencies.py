"""FastAPI dependencies of the endpoints: the service, a model, its state entries and layers."""

import asyncio
from typing import Annotated

from fastapi import Depends, Request

from app.api.service import Service
from app.predict import Endpoint
from stateserve.inspect import Entry
from stateserve.model import AnyModel, Layer


async def _service(request: Request) -> Service:
    return request.app.state.service  # type: ignore[no-any-return]


async def _endpoint(request: Request, service: Annotated[Service, Depends(_service)]) -> Endpoint:
    """The model that the path names, or the default model; chosen once for each request."""
    named = request.path_params
    return service.endpoint(named.get("model"), named.get("version"))


async def _model(endpoint: Annotated[Endpoint, Depends(_endpoint)]) -> AnyModel:
    return endpoint.model


async def _entries(model: Annotated[AnyModel, Depends(_model)]) -> list[Entry]:
    # Awaited here, so that requests for a long first computation occupy none of FastAPI's
    # threads; shielded, so that a client that leaves does not cancel it for the others.
    return await asyncio.shield(asyncio.wrap_future(model.describe()))


async def _layers(model: Annotated[AnyModel, Depends(_model)]) -> list[Layer]:
    return await asyncio.shield(asyncio.wrap_future(model.layers()))


ServiceDep = Annotated[Service, Depends(_service)]
EndpointDep = Annotated[Endpoint, Depends(_endpoint)]
ModelDep = Annotated[AnyModel, Depends(_model)]
EntriesDep = Annotated[list[Entry], Depends(_entries)]
LayersDep = Annotated[list[Layer], Depends(_layers)]
