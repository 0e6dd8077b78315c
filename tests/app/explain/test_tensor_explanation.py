"""POST /explain of any module: gradients and activations, against plain torch."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from stateserve.model.signature import Input, Output
from stateserve.model.tensor_model import TensorModel
from tests.project import IRIS, SETOSA
from tests.tensor_models import lenet, model_of, open_models, tokens, two_inputs

PICTURE = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(1))


def gradient(module: nn.Module, rows: Tensor, index: int) -> Tensor:
    given = rows.clone().requires_grad_()
    (found,) = torch.autograd.grad(module(given)[:, index].sum(), given)
    return found


async def test_integrated_gradients_are_those_of_plain_torch() -> None:
    model = lenet()
    with torch.no_grad():
        index = int(model.module(PICTURE[None])[0].argmax())
        score, baseline = (
            float(model.module(each)[0, index]) for each in (PICTURE[None], PICTURE[None] * 0)
        )
    # The mean over many more points of the way than the service's.
    way = torch.linspace(0, 1, 2001)[:, None, None, None]
    expected = gradient(model.module, way * PICTURE[None], index).mean(0) * PICTURE
    async with open_models(model) as client:
        answer = (await client.post("/explain", json=PICTURE.tolist())).json()
        binary = await client.post(
            "/explain", json=PICTURE.tolist(), headers={"Accept": "application/x-npy"}
        )
    assert (answer["class"], answer["index"], answer["output"]) == (str(index), index, "output")
    found = np.array(answer["attributions"]["image"])
    np.testing.assert_allclose(found, expected.numpy(), atol=0.02)
    assert answer["score"] == pytest.approx(score, rel=1e-5)
    assert answer["baseline_score"] == pytest.approx(baseline, rel=1e-5)
    assert found.sum() == pytest.approx(score - baseline + answer["convergence_delta"], abs=1e-4)
    assert answer["activations"] is None
    np.testing.assert_allclose(np.load(io.BytesIO(binary.content)), found, rtol=1e-6)


async def test_saliency_of_a_chosen_class_is_the_gradient() -> None:
    model = lenet()
    async with open_models(model) as client:
        params = {"method": "saliency", "target": "3"}
        answer = (await client.post("/explain", params=params, json=PICTURE.tolist())).json()
    expected = gradient(model.module, PICTURE[None], 3)[0]
    np.testing.assert_allclose(answer["attributions"]["image"], expected.numpy(), atol=1e-6)
    assert (answer["class"], answer["baseline_score"]) == ("3", None)
    # The served module is as it was.
    assert all(each.grad is None for each in model.module.parameters())
    assert not any(each._forward_hooks for each in model.module.modules())


async def test_a_picture_is_answered_as_a_heatmap() -> None:
    async with open_models(lenet(), two_inputs()) as client:
        headers = {"Accept": "image/png"}
        answer = await client.post("/explain", json=PICTURE.tolist(), headers=headers)
        assert answer.headers["content-type"] == "image/png"
        assert Image.open(io.BytesIO(answer.content)).size == (8, 8)
        body = {"a": [1, 2, 3], "b": [4, 5]}
        refused = await client.post("/models/two/explain", json=body, headers=headers)
    assert refused.status_code == 501
    assert "is no picture" in refused.json()["detail"]


async def test_values_of_several_inputs_are_explained() -> None:
    model = two_inputs()
    body = {"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0]}
    async with open_models(model) as client:
        price = (await client.post("/explain", content=json.dumps(body))).json()
        params = {"output": "embedding", "target": "1"}
        other = (await client.post("/explain", params=params, json=body)).json()
    left, right = model.module.left.weight.detach(), model.module.right.weight.detach()
    # Of a linear function, the attributions are weight times value.
    expected = left.sum(0) * torch.tensor(body["a"])
    assert price["class"] is None
    np.testing.assert_allclose(price["attributions"]["a"], expected.numpy(), rtol=1e-4)
    expected = right[1] * torch.tensor(body["b"])
    np.testing.assert_allclose(other["attributions"]["b"], expected.numpy(), rtol=1e-4)


async def test_an_element_of_a_map_is_named_by_its_index_on_each_axis() -> None:
    given = Input(name="image", dtype="float32", shape=[-1, 2, 3, 3])
    output = Output(name="output", dtype="float32", shape=[-1, 4, 3, 3], kind="values")
    layer, image = nn.Conv2d(2, 4, 1, bias=False), torch.rand(1, 2, 3, 3)
    async with open_models(model_of(layer, [given], [output], {"image": image})) as client:
        answers = [
            await client.post("/explain", params={"target": target}, json=image[0].tolist())
            for target in ("3,1,2", "32", "3,3,2", "3,1")
        ]
    assert [each.status_code for each in answers] == [200, 200, 422, 422]
    assert answers[0].json() == answers[1].json()
    expected = torch.zeros(2, 3, 3)
    expected[:, 1, 2] = layer.weight[3, :, 0, 0].detach() * image[0, :, 1, 2]
    found = answers[0].json()["attributions"]["image"]
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-7)
    assert "each axis of [4, 3, 3]" in answers[3].json()["detail"]


async def test_activations_are_those_of_plain_torch() -> None:
    model = lenet()
    async with open_models(model, tokens()) as client:
        params = {"activations": "*", "method": "none"}
        answer = (await client.post("/explain", params=params, json=PICTURE.tolist())).json()
        one = await client.post(
            "/explain", params=params | {"activations": "features.2"}, json=PICTURE.tolist()
        )
        words = await client.post("/models/tokens/explain", params=params, json=[1, 2, 3])
        wrong = await client.post("/explain", params={"activations": "heat"}, json=PICTURE.tolist())
    with torch.no_grad():
        expected = model.module.features[:3](PICTURE[None])
    found = {each["layer"]: each for each in answer["activations"]}
    assert set(found) == set(dict(model.module.named_modules()))
    relu = found["features.2"]
    assert relu["shape"] == list(expected.shape)
    np.testing.assert_allclose(relu["values"], expected.numpy(), atol=1e-6)
    assert relu["statistics"]["max"] == pytest.approx(float(expected.max()))
    assert one.json()["activations"] == [relu]
    assert answer["attributions"] is None
    recurrent = [each["shape"] for each in words.json()["activations"] if each["type"] == "LSTM"]
    assert recurrent == [[1, 3, 5], [1, 1, 5], [1, 1, 5]]
    assert wrong.status_code == 422
    assert "'head'" in wrong.json()["detail"]


class Argmax(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.argmax(1).float()[:, None]


class Unused(nn.Module):
    """One input does not matter; the other is written to."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        x *= 2
        return x


class Failing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            raise ValueError("no gradients here")
        return x


def small(module: nn.Module, *names: str) -> TensorModel:
    inputs = [Input(name=name, dtype="float32", shape=[-1, 2]) for name in names]
    rows = {name: torch.rand(2, 2) for name in names}
    width = 1 if isinstance(module, Argmax) else 2
    return model_of(
        module, inputs, [Output(name="output", dtype="float32", shape=[-1, width])], rows
    )


@pytest.mark.parametrize(
    ("model", "status", "reason"),
    [
        (small(Argmax(), "x"), 501, "has no gradient"),
        (small(Failing(), "x"), 422, "no gradients here"),
        (tokens(), 501, "an input of floats; method=none&activations=* shows"),
    ],
    ids=["argmax", "failing", "tokens"],
)
async def test_what_has_no_gradient_says_so(model: TensorModel, status: int, reason: str) -> None:
    async with open_models(model) as client:
        example = (await client.get("/model")).json()["example"]
        answer = await client.post("/explain", json=example)
        assert (await client.post("/predict", json=example)).status_code == 200
    assert answer.status_code == status
    assert reason in answer.json()["detail"]


async def test_an_unused_input_has_no_influence() -> None:
    async with open_models(small(Unused(), "x", "y")) as client:
        body = {"x": [1, 3], "y": [5, 6]}
        answer = (await client.post("/explain", json=body)).json()
    assert answer["index"] == 1
    np.testing.assert_allclose(answer["attributions"]["x"], [0, 6], rtol=1e-5)
    assert answer["attributions"]["y"] == [0, 0]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"target": "ten"}, 422),
        ({"target": "10"}, 422),
        ({"output": "nothing"}, 422),
        ({"input": "nothing"}, 422),
        ({"method": "guess"}, 422),
        ({"layer": "head"}, 422),
    ],
)
async def test_a_question_that_does_not_fit_is_refused(query: dict[str, str], status: int) -> None:
    async with open_models(lenet()) as client:
        answer = await client.post("/explain", params=query, json=PICTURE.tolist())
        two = await client.post("/explain", json={"instances": [PICTURE.tolist()] * 2})
        late = await client.post(
            "/explain", json=PICTURE.tolist(), headers={"X-Request-Timeout": "0.000001"}
        )
    assert answer.status_code == status
    assert two.json()["errors"][0]["pointer"] == "/instances"
    assert late.status_code == 504


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
async def test_activations_of_rows_of_several_lengths_are_filled_with_0() -> None:
    # With a mask, torch runs the layers of its transformer on nested tensors.
    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 1)

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.encoder(x, src_key_padding_mask=x[..., 0] == 0)
            return found.sum(1)

    rows = torch.rand(1, 4, 8, generator=torch.Generator().manual_seed(0))
    rows[0, 3] = 0
    model = model_of(
        Encoder(),
        [Input(name="x", dtype="float32", shape=[-1, 4, 8])],
        [Output(name="output", dtype="float32", shape=[-1, 8])],
        {"x": rows},
    )
    async with open_models(model) as client:
        params = {"method": "none", "activations": "encoder.layers.0"}
        answer = await client.post("/explain", params=params, json=rows[0].tolist())
    (found,) = answer.json()["activations"]
    assert found["shape"] == [1, 3, 8]


async def test_the_explanation_of_a_table_has_no_choices() -> None:
    async with open_models(lenet()) as client:
        path = f"/models/{IRIS.stem}/explain"
        answer = await client.post(path, params={"target": "setosa"}, json=SETOSA)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("target: ")
