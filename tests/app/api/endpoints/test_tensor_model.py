"""GET /model of any module: layers with shapes, signature, and an example that /predict takes."""

import io
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from stateserve.model import ImageInput, Input, Output
from stateserve.model.tensor_model import TensorModel
from tests.lenet import LeNet
from tests.tensor_models import lenet, model_of, open_models, tokens, two_inputs

MAKERS = [lenet, tokens, two_inputs]


async def test_layers_are_those_of_plain_torch() -> None:
    model = lenet()
    shapes: dict[nn.Module, list[list[int]]] = {}

    def note(module: nn.Module, _given: object, output: torch.Tensor) -> None:
        shapes[module] = [list(output.shape)]

    for each in model.module.modules():
        each.register_forward_hook(note)
    model.module(torch.zeros(1, 1, 8, 8))
    expected = [
        {
            "name": name,
            "type": type(each).__name__,
            "parameters": sum(p.numel() for p in each.parameters(recurse=False)),
            "buffers": sum(b.numel() for b in each.buffers(recurse=False)),
            "output_shapes": shapes[each],
        }
        for name, each in model.module.named_modules()
        if name
    ]
    async with open_models(lenet()) as client:
        answer = (await client.get("/model")).json()
    found = [{key: layer[key] for key in expected[0]} for layer in answer["layers"]]
    assert found == expected
    assert answer["trainable"] == sum(p.numel() for p in model.module.parameters())
    assert answer["backend"] == "eager"


@pytest.mark.parametrize("make", MAKERS)
async def test_the_example_is_a_body_that_predict_takes(make: Callable[[], TensorModel]) -> None:
    model = make()
    async with open_models(model) as client:
        answer = (await client.get("/model")).json()
        predicted = await client.post("/predict", json=answer["example"])
    assert predicted.status_code == 200
    names = [each.name for each in model.signature.inputs]
    assert (
        list(answer["example"]) == [each["name"] for each in answer["signature"]["inputs"]] == names
    )
    assert answer["card"]["schema_version"] == 2


async def test_the_example_of_pictures_is_a_picture_and_others_are_json() -> None:
    image = ImageInput(mode="L", layout="CHW")
    model = model_of(
        LeNet(),
        [Input(name="image", dtype="float32", shape=[-1, 1, 8, 8], image=image)],
        [Output(name="output", dtype="float32", shape=[-1, 10])],
        {"image": torch.rand(3, 1, 8, 8)},
    )
    async with open_models(model) as client:
        drawn = await client.get("/model/example")
        numbers = await client.get("/model/example", headers={"Accept": "application/json"})
        as_png = await client.post(
            "/predict", content=drawn.content, headers={"Content-Type": "image/png"}
        )
    assert drawn.headers["content-type"] == "image/png"
    pixels = np.asarray(Image.open(io.BytesIO(drawn.content)), np.float64)
    assert np.abs(pixels / 255 - model.example["image"][0, 0]).max() <= 0.5 / 255
    assert as_png.status_code == 200
    (name,) = numbers.json()
    assert np.allclose(numbers.json()[name], model.example[name][0])
    async with open_models(two_inputs()) as client:
        only = await client.get("/model/example")
        refused = await client.get("/model/example", headers={"Accept": "image/png"})
        described = (await client.get("/model")).json()
    assert only.json() == described["example"]
    assert refused.status_code == 406


async def test_the_example_of_an_input_named_instances_is_a_list_of_them() -> None:
    model = one_input(nn.Identity(), "instances")
    async with open_models(model) as client:
        example = (await client.get("/model")).json()["example"]
        predicted = await client.post("/predict", json=example)
    assert len(example["instances"]) == 1
    assert predicted.json()["predictions"] == [{"outputs": {"output": [0.5, 0.25]}}]


def one_input(module: nn.Module, name: str = "x") -> TensorModel:
    return model_of(
        module,
        [Input(name=name, dtype="float32", shape=[-1, 2])],
        [Output(name="output", dtype="float32", shape=[-1, 2])],
        {name: torch.tensor([[0.5, 0.25]])},
    )


class Odd(nn.Module):
    """Cannot be printed, has a submodule that never runs, and returns from another twice."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(2))
        self.unused = nn.Linear(2, 2)
        self.twice = nn.Identity()

    def extra_repr(self) -> str:
        raise RuntimeError("not today")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.twice(self.twice(x)[:, :1] * self.scale)


async def test_a_module_that_cannot_be_printed_is_described() -> None:
    async with open_models(one_input(Odd())) as client:
        answer = (await client.get("/model")).json()
    assert answer["architecture"] == "Odd()"
    assert [
        (each["name"], each["parameters"], each["output_shapes"]) for each in answer["layers"]
    ] == [
        ("", 2, [[1, 2]]),
        ("unused", 6, None),
        ("twice", 0, [[1, 2]]),
    ]


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
async def test_layers_beside_one_of_torchscript_are_described_and_explained() -> None:
    module = nn.Sequential(nn.Linear(2, 2), torch.jit.script(nn.Linear(2, 2)), nn.ReLU())
    async with open_models(one_input(module)) as client:
        layers = (await client.get("/model")).json()["layers"]
        params = {"method": "none", "activations": "*"}
        answer = await client.post("/explain", params=params, json=[0.5, 0.25])
    shapes = {each["name"]: each["output_shapes"] for each in layers}
    assert shapes == {"0": [[1, 2]], "1": None, "2": [[1, 2]]}
    assert {each["layer"] for each in answer.json()["activations"]} == {"", "0", "2"}


async def test_a_forward_that_fails_leaves_the_shapes_out() -> None:
    model = lenet()
    broken = nn.Sequential(nn.Flatten(), nn.Linear(3, 10))
    async with open_models(TensorModel(broken, model.card, "lenet")) as client:
        answer = (await client.get("/model")).json()
    shapes = {each["name"]: each["output_shapes"] for each in answer["layers"]}
    assert shapes == {"0": [[1, 64]], "1": None}
