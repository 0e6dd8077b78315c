"""/state of modules with tensors of every kind."""

import io

import httpx
import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from stateserve.model.signature import Input, Output
from tests.tensor_models import model_of, open_models

BUFFERS = {
    "half_values": torch.tensor([0.1, float("nan"), 65504.0]).half(),
    "brain": torch.tensor([0.1, 1e38, float("inf")]).bfloat16(),
    "float8_e4m3": torch.tensor([1.0, 2.0, 448.0]).to(torch.float8_e4m3fn),
    "float8_e5m2": torch.tensor([1.0, -2.0]).to(torch.float8_e5m2),
    "double_values": torch.tensor([1e300, -1e-300], dtype=torch.float64),
    "int8": torch.tensor([-128, 127], dtype=torch.int8),
    "uint16": torch.tensor([65535], dtype=torch.uint16),
    "uint64": torch.tensor([2**64 - 1], dtype=torch.uint64),
    "int64": torch.tensor([2**62 + 1]),
    "flags": torch.tensor([True, False]),
    "scalar": torch.tensor(3.5),
    "empty": torch.zeros(0, 3),
    "complex_values": torch.tensor([3 + 4j, 0]),
    "strided": torch.arange(6.0).reshape(2, 3).t(),
    "five_axes": torch.zeros(1, 2, 1, 2, 1),
    **{f"more_{index}": torch.full((2,), float(index)) for index in range(64)},
}


class Holder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2, 2))
        self.tied = self.weight
        self.frozen = nn.Parameter(torch.ones(1), requires_grad=False)
        self.register_buffer("absent", None)
        self.register_buffer("kept_out", torch.ones(1), persistent=False)
        for name, tensor in BUFFERS.items():
            self.register_buffer(name, tensor.clone())

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


def holder(**names: str) -> object:
    tensor = {"dtype": "float32", "shape": [-1, 2]}
    inputs, outputs = [Input(name="x", **tensor)], [Output(name="output", **tensor)]
    return model_of(Holder(), inputs, outputs, {"x": torch.rand(2, 2)}, **names)


async def npy(client: httpx.AsyncClient, name: str) -> np.ndarray:
    answer = await client.get(f"/state/{name}?format=npy")
    assert answer.status_code == 200
    return np.load(io.BytesIO(answer.content))


async def test_every_tensor_is_shown_and_downloaded_with_its_values() -> None:
    state = Holder().state_dict()
    async with open_models(holder()) as client:
        entries = (await client.get("/state")).json()["entries"]
        assert [each["name"] for each in entries] == list(state)
        for entry in entries:
            name, tensor = entry["name"], state[entry["name"]]
            assert entry["dtype"] == str(tensor.dtype).removeprefix("torch.")
            assert (entry["shape"], entry["elements"]) == (list(tensor.shape), tensor.numel())
            given = await client.get(f"/state/{name}?format=safetensors")
            loaded = safetensors.torch.load(given.content)[name]
            assert loaded.dtype == tensor.dtype
            assert torch.equal(loaded.reshape(-1).view(torch.uint8), raw(tensor))
            wide = tensor if tensor.dtype.is_complex else tensor.double()
            found = torch.from_numpy((await npy(client, name)).copy())
            found = found if tensor.dtype.is_complex else found.double()
            torch.testing.assert_close(found, wide, rtol=0, atol=0, equal_nan=True)
            assert (await client.get(f"/state/{name}?histogram=3")).status_code == 200
        whole = torch.load(io.BytesIO((await client.get("/state.pth")).content))
        assert list(whole) == list(state)
        kinds = {each["name"]: (each["kind"], each["trainable"]) for each in entries}
        assert kinds["weight"] == kinds["tied"] == ("parameter", True)
        assert kinds["frozen"] == ("parameter", False)
        assert kinds["half_values"] == ("buffer", False)
        pairs = (await client.get("/state/complex_values")).json()
        assert pairs["values"] == [[3, 4], [0, 0]]
        assert pairs["statistics"]["max"] == 5


def raw(tensor: Tensor) -> Tensor:
    return tensor.contiguous().reshape(-1).view(torch.uint8)


@pytest.mark.filterwarnings("error")
async def test_versions_with_odd_tensors_are_compared() -> None:
    async with open_models(holder(), holder(version="2")) as client:
        answer = (await client.get("/models/made/diff?from=1&to=2")).json()
    assert answer["identical"]
    assert len(answer["differences"]) == len(Holder().state_dict())


NAMES = ["a/b", "/", "//a", "a/", "%2f", "%", "a b", " ", "größe", "層", "?x#y", "\n", "\\", "🙂"]


class OddlyNamed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for number, name in enumerate(NAMES):
            self.register_parameter(name, nn.Parameter(torch.full((2,), float(number))))
        # Its name is "up/./x", and clients leave "/." out of a path unless it is encoded.
        self.add_module("up/", nn.ParameterDict({"/x": nn.Parameter(torch.ones(1))}))

    def forward(self, x: Tensor) -> Tensor:
        return x


async def test_a_name_of_any_characters_has_a_link_that_leads_to_it() -> None:
    tensor = {"dtype": "float32", "shape": [-1, 2]}
    inputs, outputs = [Input(name="x", **tensor)], [Output(name="output", **tensor)]
    model = model_of(OddlyNamed(), inputs, outputs, {"x": torch.rand(2, 2)})
    async with open_models(model) as client:
        entries = (await client.get("/state")).json()["entries"]
        assert [each["name"] for each in entries] == list(OddlyNamed().state_dict())
        for entry in entries:
            found = await client.get(entry["href"])
            assert (found.status_code, found.json()["name"]) == (200, entry["name"])
            below = await client.get(f"/models/made{entry['href']}?format=npy")
            assert np.load(io.BytesIO(below.content)).tolist() == entry["values"]
        # Slashes need no encoding.
        assert (await client.get("/state/a/b")).json()["name"] == "a/b"
        for unknown in ("/state/a/c", "/state/", "/state/%2e%2e", "/state/..%2f..%2fetc%2fpasswd"):
            assert (await client.get(unknown)).status_code == 404


async def test_totals_count_a_tied_parameter_once() -> None:
    async with open_models(holder()) as client:
        state = (await client.get("/state")).json()
        alone = (await client.get("/state?only=tied")).json()
    module = Holder()
    assert state["totals"]["parameters"] == sum(each.numel() for each in module.parameters())
    assert state["totals"]["tied"] == module.tied.numel()
    tied = {each["name"]: each["tied_to"] for each in state["entries"] if each["tied_to"]}
    assert tied == {"tied": "weight"}
    assert (alone["totals"]["parameters"], alone["totals"]["tied"]) == (4, 0)
