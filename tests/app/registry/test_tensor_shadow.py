"""A shadow of a model with any module: classes, and values of outputs without classes."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import numpy as np
import pytest
import torch

from app.monitor.output_differences import OutputDifferences
from app.registry.shadow_comparison import why_not_comparable
from app.settings.settings import Settings
from stateserve.model.tensor_model import TensorModel
from tests.service import open_client
from tests.tensor_models import lenet, model_of, save_models, tokens, two_inputs


@asynccontextmanager
async def shadowed(first: TensorModel, second: TensorModel) -> AsyncIterator[httpx.AsyncClient]:
    """The service with version 1 as default, and version 2 as its shadow."""
    with TemporaryDirectory() as folder:
        save_models(Path(folder), first, second)
        settings = Settings(
            models=Path(folder),
            model=Path(first.name),
            shadow=f"{first.name}:2",
            allow_code=True,
            hot_reload=False,
        )
        async with open_client(settings) as client:
            yield client


async def compared(client: httpx.AsyncClient, name: str, requests: int) -> dict[str, object]:
    """The comparison, after so many requests were compared."""
    deadline = time.monotonic() + 30
    while True:
        shadow = (await client.get(f"/models/{name}/comparison")).json()["shadow"]
        if shadow["requests"] == requests:
            return shadow
        assert time.monotonic() < deadline, shadow
        await asyncio.sleep(0.02)


async def test_classes_are_compared_as_plain_torch_does() -> None:
    first, second = lenet(0), lenet(1, version="2")
    rows = torch.rand(20, 1, 8, 8)
    async with shadowed(first, second) as client:
        for part in rows.split(5):
            answer = await client.post("/predict", json={"instances": part.tolist()})
            assert answer.status_code == 200
        shadow = await compared(client, "lenet", 4)
    with torch.inference_mode():
        a, b = (model.module(rows).double().softmax(1) for model in (first, second))
    assert shadow["rows"] == 20
    assert shadow["disagreements"] == int((a.argmax(1) != b.argmax(1)).sum()) > 0
    assert shadow["mean_absolute_difference"] == pytest.approx(
        float((a - b).abs().mean()), rel=1e-4
    )
    assert sum(sum(row.values()) for row in shadow["confusion"].values()) == 20
    assert shadow["outputs"] == []


async def test_values_are_compared_as_plain_torch_does() -> None:
    first = two_inputs()
    module = deepcopy(first.module)
    with torch.no_grad():
        # The sum of the embedding, which is the price, stays the same.
        module.left.bias += torch.tensor([0.5, -0.5])
    inputs = {name: torch.from_numpy(array) for name, array in first.golden[3][0].items()}
    second = model_of(module, first.card.inputs, first.card.outputs, inputs, "two", "2")
    rows = {"a": torch.randn(6, 3), "b": torch.randn(6, 2)}
    instances = [{name: tensor[i].tolist() for name, tensor in rows.items()} for i in range(6)]
    async with shadowed(first, second) as client:
        await client.post("/predict", json={"instances": instances})
        shadow = await compared(client, "two", 1)
        metrics = (await client.get("/metrics")).text
    with torch.inference_mode():
        a, b = (model.module(rows["a"], rows["b"])["embedding"] for model in (first, second))
    price, embedding = shadow["outputs"]
    assert (price["name"], price["close_share"]) == ("price", 1)
    assert price["largest_absolute"] < 1e-5
    assert (embedding["name"], embedding["close_share"], embedding["rows"]) == ("embedding", 0, 6)
    assert embedding["mean_absolute"] == pytest.approx(0.5, rel=1e-5)
    assert embedding["largest_absolute"] == pytest.approx(0.5, rel=1e-5)
    norms = torch.maximum(a.norm(dim=1), b.norm(dim=1))
    relative = float(((b - a).norm(dim=1) / norms).max())
    assert embedding["largest_relative"] == pytest.approx(relative, rel=1e-5)
    assert shadow["rows"] == 6
    assert shadow["disagreement_share"] is None
    assert (
        'shadow_output_rows_total{default="1",model="two",output="price",shadow="2"} 6.0' in metrics
    )


async def test_rows_of_several_lengths_are_compared() -> None:
    async with shadowed(tokens(0), tokens(1, version="2")) as client:
        instances = [[1, 2, 3], [4], [5, 6, 7], [8, 9]]
        await client.post("/predict", json={"instances": instances})
        # A pass for each length.
        shadow = await compared(client, "tokens", 3)
    assert (shadow["rows"], shadow["failed"]) == (4, 0)


def test_another_signature_is_named() -> None:
    first = two_inputs()
    assert why_not_comparable(first, two_inputs(1, version="2")) is None
    assert why_not_comparable(first, lenet()) == (
        "its inputs are image float32 [-1, 1, 8, 8]; those of the default a float32 [-1, 3], "
        "b float32 [-1, 2]"
    )
    other = lenet(version="2")
    output = other.card.outputs[0].model_copy(update={"classes": list("abcdefghij")})
    card = other.card.model_copy(update={"outputs": [output]})
    reason = why_not_comparable(lenet(), replace(other, card=card))
    assert reason is not None
    assert reason.startswith("its classes are a, b, c")


def test_differences_of_odd_values() -> None:
    nan, inf = np.nan, np.inf
    ours = np.array([[1, nan], [1, nan], [inf, 0], [inf, 1], [0, 0], [2000, 1]], np.float32)
    theirs = np.array([[1, nan], [1, 0], [inf, 0], [-inf, 1], [0, 0], [2001, 1]], np.float32)
    found = OutputDifferences.between(ours, theirs)
    assert (found.rows, found.close, found.largest_absolute) == (6, 4, 1)
    assert found.absolute == 0.5
    assert found.largest_relative == pytest.approx(1 / np.hypot(2001, 1))
    nothing = OutputDifferences.between(np.zeros((2, 0)), np.zeros((2, 0)))
    assert (nothing.rows, nothing.close, nothing.absolute) == (2, 2, 0)
    alike = OutputDifferences.between(np.array([True, False]), np.array([True, True]))
    assert (alike.close, alike.absolute) == (1, 1)
