"""Every route requires a key with the scope that the table of scopes names."""

import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import Mount, Route

from app.api.app import create_app
from app.api.auth.keys import Scope
from app.api.auth.route_scopes import SCOPES, below_model
from app.settings.settings import Settings
from tests.keys import bearer
from tests.project import IRIS, SETOSA
from tests.service import open_client

TOKEN = "a-token-that-is-long"
# The routes that are not in the OpenAPI, by an existing path.
HIDDEN = {
    "/": "/",
    "/page/{path}": "/page/main.js",
    "/page/service.json": "/page/service.json",
    "/v2/": "/v2/",
}
HIDDEN |= {path: path for path in ("/docs", "/openapi.json")}
HIDDEN["/docs/{name}"] = "/docs/swagger-ui.css"
# An existing value for each parameter of a path.
NAMES = {"model": "iris-model", "version": "1", "name": "hidden.bias"}


async def operations(client: httpx.AsyncClient) -> dict[tuple[str, str], dict]:
    paths = (await client.get("/openapi.json")).json()["paths"]
    return {
        (method.upper(), path): operation
        for path, methods in paths.items()
        for method, operation in methods.items()
    }


async def test_the_table_has_every_route_and_no_other(guarded: httpx.AsyncClient) -> None:
    routes = {below_model(path) for _, path in await operations(guarded)}
    assert routes | set(HIDDEN) == set(SCOPES)


async def test_what_passes_the_guard_by_is_known(keys: dict[Scope, str], tmp_path: Path) -> None:
    app = create_app(Settings(model=IRIS, api_keys=tmp_path / "keys.toml"))
    # The guard is a dependency, and a route of Starlette has none.
    bare = [route.path for route in app.routes if type(route) in (Route, Mount)]
    assert bare == []


def declared(router: APIRouter) -> Iterator[str]:
    for route in router.routes:
        if hasattr(route, "original_router"):
            yield from declared(route.original_router)
        elif isinstance(route, APIRoute):
            yield route.path


async def test_no_route_that_the_openapi_leaves_out_is_forgotten() -> None:
    app = create_app(Settings(model=IRIS, admin_token=TOKEN))
    paths = {below_model(path) for path in declared(app.router)}
    assert len(paths) > 20
    assert paths <= set(SCOPES)


async def test_every_route_asks_for_its_scope(
    guarded: httpx.AsyncClient, keys: dict[Scope, str]
) -> None:
    for method, path in [*await operations(guarded), *(("GET", path) for path in HIDDEN)]:
        needed = SCOPES[below_model(path)]
        url = HIDDEN.get(path) or path.format_map(NAMES)
        for scope in (None, *Scope):
            headers = bearer(keys[scope]) if scope else {}
            response = await guarded.request(method, url, headers=headers)
            place = (method, url, scope, response.text[:200])
            if needed is None or scope is needed:
                assert response.status_code not in (401, 403, 404), place
            elif scope is None:
                assert response.status_code == 401, place
                assert response.headers["www-authenticate"] == "Bearer"
            else:
                assert response.status_code == 403, place
                assert "insufficient_scope" in response.headers["www-authenticate"]
                detail = "error" if path.startswith("/v2") else "detail"
                assert f"the scope {needed}" in response.json()[detail], place


async def test_weights_are_nowhere_without_the_scope_inspect(
    guarded: httpx.AsyncClient, keys: dict[Scope, str]
) -> None:
    inspect = bearer(keys[Scope.INSPECT])
    shown = await guarded.get("/state?values=true", headers=inspect)
    tensors = [np.ravel(entry["values"]) for entry in shown.json()["entries"]]
    # As text and as bytes; each is in an answer to a key that may see them.
    weights = [str(value).encode() for value in np.concatenate(tensors).tolist()]
    stored = [tensor.astype(np.float32).tobytes() for tensor in tensors]
    assert len(weights) == 67
    assert all(weight in shown.content for weight in weights)
    for path in ("/state.pth", "/state.safetensors"):
        content = (await guarded.get(path, headers=inspect)).content
        assert all(tensor in content for tensor in stored)
    for scope in (Scope.PREDICT, Scope.ADMIN, Scope.METRICS):
        for method, path in await operations(guarded):
            response = await guarded.request(
                method,
                path.format_map(NAMES),
                headers=bearer(keys[scope]),
                json=SETOSA if method == "POST" else None,
            )
            found = [each for each in weights + stored if each in response.content]
            assert not found, (method, path)


async def test_the_openapi_says_what_each_operation_asks(guarded: httpx.AsyncClient) -> None:
    document = (await guarded.get("/openapi.json")).json()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for (_, path), operation in (await operations(guarded)).items():
        needed = SCOPES[below_model(path)]
        assert operation.get("security") == (needed and [{"key": [needed]}])
        assert ("401" in operation["responses"]) == (needed is not None)


async def test_what_is_refused_is_counted_and_has_an_id(
    guarded: httpx.AsyncClient, keys: dict[Scope, str]
) -> None:
    for path in ("/predict", "/state"):
        method = "POST" if path == "/predict" else "GET"
        response = await guarded.request(method, path, headers={"X-Request-ID": "mine"})
        assert response.headers["x-request-id"] == "mine"
    metrics = (await guarded.get("/metrics", headers=bearer(keys[Scope.METRICS]))).text
    for path in ("/predict", "/state"):
        assert f'route="{path}",status="401"' in metrics


async def test_the_token_alone_guards_the_verbs_alone() -> None:
    async with open_client(Settings(model=IRIS, admin_token=TOKEN)) as client:
        assert (await client.post("/predict", json=SETOSA)).status_code == 200
        assert (await client.get("/state")).status_code == 200
        load = "/models/iris-model/load"
        assert (await client.post(load)).status_code == 401
        assert (await client.post(load, headers=bearer(TOKEN))).status_code == 200
        document = (await client.get("/openapi.json")).json()
    secured = {
        path
        for path, methods in document["paths"].items()
        if any("security" in operation for operation in methods.values())
    }
    verbs = {f"/models/{{model}}/{verb}" for verb in ("load", "unload", "default")}
    assert secured == verbs | {f"/v2/repository/models/{{model}}/{v}" for v in ("load", "unload")}


async def test_who_used_the_verbs_is_in_the_log(
    guarded: httpx.AsyncClient, keys: dict[Scope, str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="app.auth"):
        headers = bearer(keys[Scope.ADMIN]) | {"X-Request-ID": "mine"}
        await guarded.post("/models/iris-model/load", headers=headers)
    [record] = [record for record in caplog.records if record.name == "app.auth"]
    assert record.key == "admin-key"
    assert record.request_id == "mine"
    assert record.path == "/models/iris-model/load"
