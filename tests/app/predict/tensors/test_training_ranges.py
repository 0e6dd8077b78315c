"""Values outside of the training ranges of a table's columns, for a model with any module."""

import io

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stateserve.model import Feature, Input, Output, TensorModel
from tests.tensor_models import model_of, open_models

pytestmark = pytest.mark.anyio
FEATURES = [
    Feature(name="age", unit="years", minimum=0.1, maximum=90, example=30),
    Feature(name="any"),
]


class Sums(nn.Module):
    def forward(self, table: Tensor, count: Tensor) -> dict[str, Tensor]:
        return {"sum": table.nan_to_num().sum(1) + count[:, 0]}


def sums() -> TensorModel:
    count = [Feature(name="count", minimum=0, maximum=9, example=2)]
    inputs = [
        Input(name="table", dtype="float32", shape=[-1, 2], features=FEATURES, finite=False),
        Input(name="count", dtype="int64", shape=[-1, 1], features=count),
    ]
    rows = {"table": torch.ones(3, 2), "count": torch.ones(3, 1, dtype=torch.int64)}
    return model_of(Sums(), inputs, [Output(name="sum", dtype="float32", shape=[-1])], rows)


def line() -> TensorModel:
    inputs = [Input(name="x", dtype="float32", shape=[-1, 2], features=FEATURES)]
    classes = Output(
        name="output", dtype="float32", shape=[-1, 2], kind="logits", classes=["a", "b"]
    )
    return model_of(nn.Linear(2, 2), inputs, [classes], {"x": torch.rand(3, 2)})


async def test_each_value_outside_has_a_warning_and_is_counted() -> None:
    inside = {"table": {"age": 0.1, "any": 1e30}, "count": {"count": 9}}
    outside = {"table": {"age": 90.1, "any": 0}, "count": {"count": 10}}
    async with open_models(sums()) as client:
        one = (await client.post("/predict", json=outside)).json()
        both = (await client.post("/predict", json={"instances": [inside, outside]})).json()
        stream = io.BytesIO()
        table = np.array([[0.1, 5], [np.nan, 5], [0.05, 5]], "f4")
        np.savez(stream, table=table, count=np.array([[1], [9], [10]]))
        headers = {"Content-Type": "application/x-npz"}
        arrays = await client.post("/predict", content=stream.getvalue(), headers=headers)
        metrics = (await client.get("/metrics")).text
    details = {
        "age": {"value": 90.1, "detail": "outside the training range 0.1 to 90 years"},
        "count": {"value": 10.0, "detail": "outside the training range 0 to 9"},
    }
    warnings = [{"feature": name} | details[name] for name in ("age", "count")]
    assert one["warnings"] == warnings
    assert [each["warnings"] for each in both["predictions"]] == [[], warnings]
    assert arrays.headers["x-out-of-range-rows"] == "1"
    assert 'out_of_range_inputs_total{feature="age",model="made"} 3.0' in metrics
    assert 'out_of_range_inputs_total{feature="any",model="made"} 0.0' in metrics


async def test_explanations_and_warnings_of_a_classifier_are_by_feature() -> None:
    async with open_models(line()) as client:
        answer = (await client.post("/predict", json={"age": 0, "any": 0})).json()
        explained = (await client.post("/explain", json={"age": 1, "any": 2})).json()
        schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    assert [each["feature"] for each in answer["warnings"]] == ["age"]
    assert list(explained["attributions"]["x"]) == ["age", "any"]
    assert "items" in schemas["Answer"]["properties"]["warnings"]
