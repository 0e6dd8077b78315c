"""GET /model: the card, and the architecture in code and state."""

import json

import httpx

from stateserve.checkpoint.read import read_state
from stateserve.checkpoint.sha256 import state_sha256
from stateserve.model.architectures.multiclass import Multiclass
from tests.project import IRIS


async def test_the_model_is_described(client: httpx.AsyncClient) -> None:
    model = (await client.get("/model")).json()
    assert model["card"] == json.loads(IRIS.with_suffix(".json").read_text())
    assert model["state_sha256"] == state_sha256(read_state(IRIS))
    assert model["architecture"] == str(Multiclass())
    assert [layer["type"] for layer in model["layers"]] == [
        "Identity",
        "Linear",
        "ReLU",
        "Linear",
        "LogSoftmax",
    ]
    assert [layer["parameters"] for layer in model["layers"]] == [0, 40, 0, 27, 0]
    assert model["totals"]["parameters"] == model["trainable"] == 67
