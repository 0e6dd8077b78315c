"""Logged predictions have ids, which feedback uses."""

from pathlib import Path

import httpx
import pytest

from app.api.app import create_app
from app.settings.settings import Settings
from stateserve.client.async_client import AsyncClient
from stateserve.client.client import Client
from stateserve.errors import ClientError, Problem
from tests.project import IRIS, SETOSA


async def test_predictions_have_ids_and_feedback_takes_them(tmp_path: Path) -> None:
    app = create_app(Settings(model=IRIS, prediction_log=f"sqlite:///{tmp_path}/log.db"))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with AsyncClient("http://test", transport=transport) as client:
            one = await client.predict(SETOSA)
            two = await client.predict([SETOSA, SETOSA])
            assert one.id
            assert [each.id[-2:] for each in two] == [":0", ":1"]
            assert len({one.id[:32], two[0].id[:32]}) == 2
            assert two[0].id[:32] == two[1].id[:32]
            await client.feedback(one, "setosa")
            await client.feedback(two[1].id, "virginica")
            with pytest.raises(Problem, match="no class 'daisy'"):
                await client.feedback(one, "daisy")
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            summary = (await http.get("/monitoring")).json()["feedback"]
    assert (summary["count"], summary["accuracy"]) == (2, 0.5)


def test_without_a_log_a_prediction_has_no_id(server) -> None:
    with Client(server.url) as client:
        prediction = client.predict(SETOSA)
        assert prediction.id is None
        with pytest.raises(ClientError, match="did not log"):
            client.feedback(prediction, "setosa")
