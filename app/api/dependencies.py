"""FastAPI dependencies of the endpoints: the service, a model, and its layers."""

import asyncio
from typing import Annotated

from fastapi import Depends, Request

from app.api.service import Service
from app.errors import InvalidQuery
from app.predict import Endpoint
from stateserve.model import AnyModel, Layer
from stateserve.text import shown

# Of the query, taken several times.
LISTS = {"only", "feature", "row"}


async def require_parameters_once(request: Request) -> None:
    """Raise InvalidQuery for a query parameter that is given twice: only the last would count."""
    # The address of the page has an input, which the page reads itself.
    if b"&" not in request.scope["query_string"] or not request.scope["route"].include_in_schema:
        return
    found = set()
    for name, _ in request.query_params.multi_items():
        if name in found and name not in LISTS:
            raise InvalidQuery(f"{shown(name)}: given twice; each parameter is taken once")
        found.add(name)


async def require_model_in_path(request: Request) -> None:
    """Raise InvalidQuery for a model or a version in the query, where the default would answer."""
    for name in ("model", "version"):
        if request.scope["query_string"] and name in request.query_params:
            raise InvalidQuery(
                f"{name}: no such parameter; a version stands in the path, "
                "/models/NAME/versions/VERSION"
            )


async def _service(request: Request) -> Service:
    return request.app.state.service  # type: ignore[no-any-return]


async def _endpoint(request: Request, service: Annotated[Service, Depends(_service)]) -> Endpoint:
    """The model that the path names, or the default model; chosen once for each request."""
    named = request.path_params
    return service.endpoint(named.get("model"), named.get("version"))


async def _model(endpoint: Annotated[Endpoint, Depends(_endpoint)]) -> AnyModel:
    return endpoint.model


async def _layers(model: Annotated[AnyModel, Depends(_model)]) -> list[Layer]:
    # Awaited here, so that requests for a long first computation occupy none of FastAPI's
    # threads; shielded, so that a client that leaves does not cancel it for the others.
    return await asyncio.shield(asyncio.wrap_future(model.layers()))


ServiceDep = Annotated[Service, Depends(_service)]
EndpointDep = Annotated[Endpoint, Depends(_endpoint)]
ModelDep = Annotated[AnyModel, Depends(_model)]
LayersDep = Annotated[list[Layer], Depends(_layers)]
