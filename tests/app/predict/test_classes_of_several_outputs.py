"""A model with classes on two of its outputs: every format names those of each."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stateserve import LoadOptions, load_model, save_model
from stateserve.model import TensorModel
from tests.tensor_models import open_models

X = torch.tensor([[1.0, 3.0, 2.0, 5.0, 4.0], [0.0, 0.5, 0.25, 1.0, 2.0], [3.0, 1.0, 1.0, 0.0, 1.0]])
KINDS, SEXES = ["ant", "bee", "fly"], ["f", "m"]


class Heads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        scaled = x * self.scale
        return {"age": scaled[:, 0], "kind": scaled[:, :3], "sex": scaled[:, 3:].softmax(1)}


@pytest.fixture
def model(tmp_path: Path) -> TensorModel:
    classes = {"kind": dict(zip(KINDS, range(3), strict=True)), "sex": SEXES}
    path = save_model(Heads(), X, tmp_path / "insects/1", classes=classes)
    model = load_model(path, options=LoadOptions(allow_code=True))
    assert isinstance(model, TensorModel)
    return model


async def test_each_output_answers_with_a_class_of_its_own(model: TensorModel) -> None:
    kind, sex = (X[0, :3] * 2).softmax(0), (X[0, 3:] * 2).softmax(0)
    async with open_models(model) as client:
        answer = (await client.post("/predict", json=X[0].tolist())).json()["outputs"]
        top = (await client.post("/predict?top=1", json=X[0].tolist())).json()["outputs"]
        card = (await client.get("/model")).json()["card"]
    assert (answer["age"], answer["kind"]["class"], answer["sex"]["class"]) == (2, "bee", "f")
    assert list(answer["kind"]["probabilities"]) == KINDS
    assert list(answer["kind"]["probabilities"].values()) == pytest.approx(kind.tolist())
    assert list(answer["sex"]["probabilities"].values()) == pytest.approx(sex.tolist())
    assert [list(top[name]["probabilities"]) for name in ("kind", "sex")] == [["bee"], ["f"]]
    assert [each.get("classes") for each in card["outputs"]] == [None, KINDS, SEXES]


async def test_arrays_and_the_open_protocol_have_the_classes_of_each(model: TensorModel) -> None:
    wanted = [{"name": each, "parameters": {"classification": 1}} for each in ("kind", "sex")]
    given = {"name": "x", "datatype": "FP32", "shape": [3, 5], "data": X.flatten().tolist()}
    async with open_models(model) as client:
        body = {"inputs": [given], "outputs": wanted}
        v2 = (await client.post(f"/v2/models/{model.name}/infer", json=body)).json()["outputs"]
        headers = {"accept": "application/x-npz"}
        npz = await client.post("/predict?top=2", json={"instances": X.tolist()}, headers=headers)
    labels = [[text.split(":")[2] for text in each["data"]] for each in v2]
    assert labels == [["bee", "bee", "ant"], ["f", "m", "m"]]
    arrays = np.load(io.BytesIO(npz.content))
    assert [arrays[name].shape for name in ("age", "kind", "sex")] == [(3,), (3, 2, 2), (3, 2, 2)]


async def test_values_that_could_be_classes_say_how_to_name_them(tmp_path: Path) -> None:
    path = save_model(Heads(), X, tmp_path / "insects/1", classes={"sex": SEXES})
    bare = save_model(nn.Linear(5, 3), X, tmp_path / "bare/1", program=True)
    async with open_models(load_model(path, options=LoadOptions(allow_code=True))) as client:
        assert (await client.post("/predict?top=1", json=X[0].tolist())).status_code == 200
    async with open_models(load_model(bare)) as client:
        problem = (await client.post("/predict?top=2", json=X[0].tolist())).json()
    assert problem["status"] == 501
    assert problem["detail"].endswith("name them: --classes, or classes= of save_model")
