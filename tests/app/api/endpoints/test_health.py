"""Health, metrics, request ids, and the errors that no endpoint raises."""

import asyncio
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from app.api.app import create_app
from app.settings.settings import Settings
from tests.project import IRIS, SETOSA


async def test_not_ready_before_the_start_and_while_draining() -> None:
    app = create_app(Settings(model=IRIS))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        before = await client.get("/health/ready")
        assert (before.status_code, before.headers["retry-after"]) == (503, "1")
        async with app.router.lifespan_context(app):
            assert (await client.get("/health/ready")).json() == {"status": "ready"}
        after = await client.get("/health/ready")
        assert after.status_code == 503
        assert after.headers["connection"] == "close"
        assert "draining" in after.json()["detail"]
        assert (await client.get("/health/live")).json() == {"status": "live"}


async def test_a_request_that_the_end_of_the_drain_cancels_gets_503() -> None:
    app = create_app(Settings(model=IRIS))
    transport = httpx.ASGITransport(app)
    reading = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        reading.set()
        await asyncio.Event().wait()
        yield b""

    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        request = asyncio.create_task(client.post("/predict", content=endless()))
        await reading.wait()
        app.state.service.draining = True
        # As uvicorn does with what is not answered in time.
        request.cancel()
        answer = await request
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["detail"].startswith("the service stops, and this request took longer")


async def test_metrics_count_what_happened(client: httpx.AsyncClient) -> None:
    await client.post("/predict", json={"instances": [SETOSA, SETOSA | {"petal_width": 9}]})
    await client.get("/nowhere")
    text = (await client.get("/metrics")).text
    for line in (
        'http_requests_total{method="POST",route="/predict",status="200"} 1.0',
        'http_requests_total{method="GET",route="unmatched",status="404"} 1.0',
        'http_request_duration_seconds_count{method="POST",route="/predict"} 1.0',
        'prediction_batch_size_sum{model="iris-model",version="1"} 2.0',
        'predictions_total{class="setosa",model="iris-model"} 1.0',
        'predictions_total{class="virginica",model="iris-model"} 1.0',
        'out_of_range_inputs_total{feature="petal_width",model="iris-model"} 1.0',
    ):
        assert line in text.splitlines()


@pytest.mark.parametrize(
    "route",
    [
        "/model",
        "/models/{model}/model",
        "/models/{model}/versions/{version}/state",
        "/v2",
        "/v2/models/{model}",
        "/v2/models/{model}/versions/{version}/ready",
        "/v2/models/stats",
        "/docs",
    ],
)
async def test_a_route_is_counted_under_its_whole_path(
    client: httpx.AsyncClient, route: str
) -> None:
    assert (await client.get(route.format(model="iris-model", version="1"))).is_success
    counted = f'http_requests_total{{method="GET",route="{route}",status="200"}} 1.0'
    assert counted in (await client.get("/metrics")).text.splitlines()


async def test_two_applications_do_not_share_counts(client: httpx.AsyncClient) -> None:
    await client.get("/health/live")
    other = create_app(Settings(model=IRIS)).state.service.metrics.render().decode()
    assert "/health/live" not in other


@pytest.mark.parametrize("sent", ["abc-123", "0" * 128])
async def test_a_request_id_is_echoed(client: httpx.AsyncClient, sent: str) -> None:
    response = await client.get("/health/live", headers={"X-Request-ID": sent})
    assert response.headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", ["", "a b", "0" * 129, 'x"y'])
async def test_an_unsafe_request_id_is_replaced(client: httpx.AsyncClient, sent: str) -> None:
    response = await client.get("/nowhere", headers={"X-Request-ID": sent})
    assert len(response.headers["x-request-id"]) == 32


NO_NUMBER = "; a version is a whole number N"


@pytest.mark.parametrize(
    ("sent", "status", "here"),
    [
        ("GET /models/m/predictions", 404, "here it is POST /models/m/predict"),
        ("POST /models/m/versions/2/predictions", 404, "POST /models/m/versions/2/predict"),
        ("GET /ping", 404, "it is GET /health/ready"),
        ("POST /predictions/digits", 404, "it is POST /models/digits/predict"),
        ("POST /predictions/a%20b/2", 404, "it is POST /models/a%20b/versions/2/predict"),
        (
            "POST /predictions/digits/1.0",
            404,
            f"it is POST /models/digits/versions/N/predict{NO_NUMBER}",
        ),
        ("POST /explanations/digits", 404, "it is POST /models/digits/explain"),
        ("POST /v1/models/digits:predict", 404, "it is POST /models/digits/predict"),
        ("GET /v1/models/digits", 404, "it is GET /models/digits"),
        ("POST /invocations", 404, "it is POST /predict"),
        ("POST /models?url=a.mar", 405, "`stateserve pack` writes it, also of a .mar file"),
        ("PUT /models/digits?min_worker=4", 405, "`stateserve serve --workers N`"),
        ("PUT /models/digits/1.0?min_worker=4", 404, "`stateserve serve --workers N`"),
        ("DELETE /models/digits", 405, "it is POST /models/digits/unload, with the admin token"),
        ("DELETE /models/digits/1", 404, "unload?version=1, with the admin token"),
        ("DELETE /models/digits/1.0", 404, f"unload?version=N, with the admin token{NO_NUMBER}"),
        ("PUT /models/digits/1/set-default", 404, "default?version=1, with the admin token"),
        ("GET /models/digits/all", 404, "it is GET /models/digits, which lists all versions"),
        (
            "POST /models/digits/unload",
            404,
            "this request exists if the service has `--admin-token` or `--api-keys`",
        ),
        ("GET /api-description", 404, "it is GET /openapi.json"),
        ("POST /wf-predict/dogs", 404, "the client calls one model after the other"),
    ],
)
async def test_a_request_of_another_server_is_answered_with_what_it_is_here(
    client: httpx.AsyncClient, sent: str, status: int, here: str
) -> None:
    refused = await client.request(*sent.split(" ", 1))
    assert refused.status_code == status
    detail = refused.json()["detail"]
    assert "; here " in detail
    assert detail.endswith(here)


async def test_unknown_paths_and_methods_are_problems(client: httpx.AsyncClient) -> None:
    absent = await client.get("/nowhere")
    assert absent.status_code == 404
    assert absent.json()["detail"] == "nothing is served at /nowhere"
    wrong = await client.get("/predict")
    assert wrong.status_code == 405
    assert wrong.headers["allow"] == "OPTIONS, POST"
    for response in (absent, wrong):
        assert response.headers["content-type"] == "application/problem+json"


async def test_an_unexpected_error_is_a_500_with_an_id_and_no_trace() -> None:
    app = create_app(Settings(model=IRIS))

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("secret")

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.get("/broken", headers={"X-Request-ID": "abc"})
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"] == "abc"
    assert "abc" in response.json()["detail"]
    assert "secret" not in response.text


async def test_the_documentation_page_asks_no_other_host(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    assets = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(assets) == 3
    for asset in assets:
        # Relative, so that a proxy may have a path prefix before it.
        assert asset.startswith("docs/")
        assert (await client.get(f"/{asset}")).is_success
