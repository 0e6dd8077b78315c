"""Inputs whose lengths must be equal: a request in which they differ is refused in each format."""

import asyncio
import io
from collections.abc import AsyncIterator

import httpx
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stateserve.model.signature import Input, Output
from stateserve.model.tensor_model import TensorModel
from tests.tensor_models import model_of, open_models


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 2)
        self.lengths: list[int] = []

    def forward(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        self.lengths.append(ids.shape[1])
        return {"sum": (self.embedding(ids) * mask[..., None]).sum(1)}


def model(equal_axes: list[list[str]]) -> TensorModel:
    torch.manual_seed(0)
    made = model_of(
        Masked(),
        [
            Input(name="ids", dtype="int64", shape=[-1, -1], tokens={"pad": 0}),
            Input(name="mask", dtype="int64", shape=[-1, -1], tokens={"pad": 0}),
        ],
        [Output(name="sum", dtype="float32", shape=[-1, 2])],
        {"ids": torch.randint(1, 20, (3, 6)), "mask": torch.ones(3, 6, dtype=torch.int64)},
        name="masked" if equal_axes else "unknown",
    )
    card = made.card.model_copy(update={"equal_axes": equal_axes})
    return TensorModel(made.module, card, made.name, made.version, made.golden)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with open_models(model([["ids:1", "mask:1"]]), model([])) as opened:
        yield opened


GOOD = {"ids": [1, 2, 3], "mask": [1, 1, 1]}
BAD = {"ids": [1, 2, 3], "mask": [1, 1]}
RULE = "equal lengths are needed: axis 1 of ids (3), axis 1 of mask (2)"


def faults(at: str) -> list[dict[str, str]]:
    return [
        {"pointer": f"{at}/ids", "detail": f"length 3; {RULE}"},
        {"pointer": f"{at}/mask", "detail": f"length 2; {RULE}"},
    ]


@pytest.mark.parametrize("path", ["/predict", "/models/masked/predict", "/explain?method=none"])
async def test_json_names_both_inputs(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, json=BAD)
    assert answer.status_code == 422
    assert answer.json()["errors"] == faults("")
    if "explain" not in path:
        longer = {"ids": [1] * 4, "mask": [1] * 4}
        answer = await client.post(path, json={"instances": [longer, GOOD, longer, BAD]})
        assert answer.status_code == 422
        assert answer.json()["errors"] == faults("/instances/3")


async def test_arrays_name_both_inputs(client: httpx.AsyncClient) -> None:
    body = io.BytesIO()
    np.savez(body, ids=np.ones((2, 3), np.int64), mask=np.ones((2, 2), np.int64))
    headers = {"Content-Type": "application/x-npz"}
    answer = await client.post("/predict", content=body.getvalue(), headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"] == faults("/instances/0")


async def test_v2_names_both_lengths(client: httpx.AsyncClient) -> None:
    inputs = [
        {"name": "ids", "datatype": "INT64", "shape": [1, 3], "data": [1, 2, 3]},
        {"name": "mask", "datatype": "INT64", "shape": [1, 2], "data": [1, 1]},
    ]
    answer = await client.post("/v2/models/masked/infer", json={"inputs": inputs})
    assert answer.status_code == 400
    assert RULE in answer.json()["error"]


@pytest.mark.parametrize("name", ["masked", "unknown"])
async def test_the_other_requests_of_the_moment_are_answered(
    client: httpx.AsyncClient, name: str
) -> None:
    path = f"/models/{name}/predict"
    answers = await asyncio.gather(*(client.post(path, json=each) for each in (GOOD, BAD, GOOD)))
    assert [each.status_code for each in answers] == [200, 422, 200]
    first, refused, last = (each.json() for each in answers)
    assert first == last
    # Without the rule in the card, the module says what it cannot do.
    expected = RULE if name == "masked" else "the model's forward raised RuntimeError"
    assert expected in refused["detail"]


async def test_the_descriptions_name_the_axes(client: httpx.AsyncClient) -> None:
    schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    expected = "of equal lengths: axis 1 of ids, axis 1 of mask"
    assert schemas["Instance"]["description"] == expected
    found = (await client.get("/model")).json()
    assert found["signature"]["equal_axes"] == found["card"]["equal_axes"] == [["ids:1", "mask:1"]]
    other = (await client.get("/models/unknown/model")).json()
    assert "equal_axes" not in other["signature"]
    assert "equal_axes" not in other["card"]
