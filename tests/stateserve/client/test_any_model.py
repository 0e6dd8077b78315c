"""The client with models of any module: arrays, several inputs, pictures, and true values."""

import io
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch

from app.api.app import create_app
from app.settings.settings import Settings
from stateserve.client.async_client import AsyncClient
from stateserve.client.predictions import decode_any
from stateserve.errors import ClientError
from stateserve.model.cards.model_card import ModelCard
from tests.project import IRIS
from tests.tensor_models import lenet, publish, two_inputs

pytestmark = pytest.mark.anyio
A, B = np.arange(6, dtype="f4").reshape(2, 3), np.ones((2, 2), "f4")


async def test_inputs_are_arrays_and_tensors_and_feedback_has_values(tmp_path: Path) -> None:
    app = create_app(Settings(model=IRIS, prediction_log=f"sqlite:///{tmp_path}/log.db"))
    publish(app, two_inputs())
    wanted = two_inputs().run({"a": A.copy(), "b": B.copy()})
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        AsyncClient("http://test", transport=transport) as client,
    ):
        one = await client.predict({"a": A[0], "b": torch.tensor(B[0])})
        many = await client.predict({"a": a, "b": b} for a, b in zip(A, B, strict=True))
        assert isinstance(await client.card(), ModelCard)
        await client.feedback(one, value=float(wanted["price"][0]) + 2)
        await client.feedback(many[1], value=wanted["price"][1:] - 4)
        with pytest.raises(ClientError, match="either a true class or a true value"):
            await client.feedback(one)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            errors = (await http.get("/monitoring")).json()["values"]
    assert [each.outputs["price"] for each in many] == pytest.approx(wanted["price"])
    assert one.outputs["embedding"] == pytest.approx(wanted["embedding"][0])
    assert one.units == many[0].units == {"price": "EUR"}
    assert errors["mean_absolute"] == pytest.approx(3, abs=1e-4)


async def test_rows_of_an_array_and_bodies_in_other_formats_are_predicted() -> None:
    app = create_app(Settings(model=IRIS, hot_reload=False))
    publish(app, lenet())
    images = np.random.default_rng(0).random((3, 1, 8, 8), np.float32)
    stream = io.BytesIO()
    np.save(stream, images)
    async with (
        app.router.lifespan_context(app),
        AsyncClient("http://test", transport=httpx.ASGITransport(app)) as client,
    ):
        rows = await client.predict(images)
        body = await client.predict_body(stream.getvalue(), "application/x-npy", top=1)
    with torch.inference_mode():
        wanted = torch.softmax(lenet().module(torch.tensor(images)), 1).numpy()
    for row, top, probabilities in zip(rows, body, wanted, strict=True):
        assert list(row.probabilities.values()) == pytest.approx(probabilities, abs=1e-5)
        assert top.probabilities == {row.label: pytest.approx(probabilities.max(), abs=1e-5)}


@pytest.mark.parametrize("content", [b"{}", b'{"predictions": [{}], "model": {}}', b"[]", b"<"])
def test_another_answer_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_any(content)
