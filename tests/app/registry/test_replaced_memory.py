"""The weights of a replaced version are freed at once, whatever requests it answered."""

import asyncio
import gc
import weakref

import httpx

from app.api.app import create_app
from app.settings.settings import Settings
from tests.project import IRIS, SETOSA

POSTED = (("/predict", SETOSA), ("/predict", {"instances": [SETOSA] * 100}), ("/explain", SETOSA))


async def test_nothing_keeps_the_weights_of_a_model_that_was_replaced() -> None:
    app = create_app(Settings(model=IRIS, hot_reload=False))
    registry = app.state.service.registry
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        for url in ("/model", "/state", "/openapi.json", "/v2/models/iris-model", "/models"):
            assert (await client.get(url)).is_success
        for url, body in POSTED:
            assert (await client.post(url, json=body)).is_success
        weights = weakref.ref(
            registry.current("iris-model").pipeline.predictor.module.hidden.weight
        )
        # The collector does not visit frozen objects.
        gc.disable()
        try:
            await registry.load("iris-model")
            # Let the task of the last answer end.
            await asyncio.sleep(0)
            assert weights() is None
        finally:
            gc.enable()
