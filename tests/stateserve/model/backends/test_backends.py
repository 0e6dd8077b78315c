"""Which backend runs a packed model, and what it answers."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from app.api.app import create_app
from app.errors import SettingsError
from app.registry.bring_code import load_options
from app.settings.settings import Settings
from stateserve.errors import (
    CardMismatch,
    DeviceNotFound,
    ForwardFailed,
    MissingExtra,
    UnsafeCheckpoint,
)
from stateserve.model.backends.backend import BackendChoice, require_device
from stateserve.model.backends.eager import Eager
from stateserve.model.backends.onnx_runtime import OnnxRuntime
from stateserve.model.loading.load import load_model
from stateserve.model.loading.options import LoadOptions
from stateserve.model.packing.save_model import save_model
from stateserve.model.signature import Input, Output, Signature
from stateserve.model.tensor_model import TensorModel
from tests.lenet import LeNet

onnx = pytest.importorskip("onnx")
DIGITS = [str(digit) for digit in range(10)]
ROWS = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "digits" / "1"
    return save_model(LeNet(), ROWS[:3], folder, classes=DIGITS, onnx=True)


@pytest.fixture
def graph(packed: Path) -> bytes:
    return packed.with_suffix(".onnx").read_bytes()


def load(path: Path, choice: BackendChoice) -> TensorModel:
    model = load_model(path, options=LoadOptions(allow_code=True, backend=choice))
    assert isinstance(model, TensorModel)
    return model


def expected(model: TensorModel, rows: Tensor) -> np.ndarray:
    with torch.inference_mode():
        return model.module(rows).numpy()


@pytest.mark.parametrize(
    ("choice", "name"),
    [
        (BackendChoice(), "onnxruntime"),
        (BackendChoice("eager"), "eager"),
        (BackendChoice("onnxruntime", threads=2), "onnxruntime"),
    ],
)
def test_each_backend_answers_as_the_module_for_any_number_of_rows(
    packed: Path, choice: BackendChoice, name: str
) -> None:
    model = load(packed, choice)
    assert model.backend_name == name
    assert isinstance(model.backend, OnnxRuntime) == (name == "onnxruntime")
    for count in (1, 2, 5):
        found = model.run({"image": ROWS[:count].numpy().copy()})["output"]
        np.testing.assert_allclose(found, expected(model, ROWS[:count]), rtol=1e-4, atol=1e-5)


def test_a_graph_that_is_not_the_cards_is_not_used_and_that_is_said(
    packed: Path, graph: bytes
) -> None:
    path = packed.with_suffix(".onnx")
    path.write_bytes(graph + b"\0")
    try:
        model = load(packed, BackendChoice())
        assert model.backend_name == "eager, channels_last"
        assert "the ONNX graph is not used" in model.warnings[-1]
        with pytest.raises(CardMismatch, match="SHA-256 differs"):
            load(packed, BackendChoice("onnxruntime"))
    finally:
        path.write_bytes(graph)


def test_a_graph_that_cannot_be_checked_is_not_used(
    packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # ONNX Runtime is installed without the package that reads graphs.
    monkeypatch.setitem(sys.modules, "onnx", None)
    model = load(packed, BackendChoice())
    assert model.backend_name == "eager, channels_last"
    assert "the ONNX graph is not used: the backend onnxruntime needs" in model.warnings[-1]
    with pytest.raises(MissingExtra, match=r"stateserve\[onnx\]"):
        load(packed, BackendChoice("onnxruntime"))


def test_onnx_runtime_on_a_device_ends_the_start(packed: Path) -> None:
    settings = Settings(model=packed, allow_code=True, backend="onnxruntime", device="cuda")
    with pytest.raises(SettingsError, match=r"--device .*: ONNX Runtime runs on cpu alone"):
        load_options(settings)


def test_a_model_without_a_graph_cannot_run_on_onnx_runtime(tmp_path: Path) -> None:
    path = save_model(LeNet(), ROWS[:3], tmp_path / "plain.pth")
    with pytest.raises(CardMismatch, match="has no ONNX graph; `stateserve pack --onnx`"):
        load(path, BackendChoice("onnxruntime"))


def test_a_graph_with_weights_in_another_file_is_refused(packed: Path, graph: bytes) -> None:
    signature = load(packed, BackendChoice("eager")).signature
    model = onnx.ModelProto.FromString(graph)
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/hostname")
    with pytest.raises(UnsafeCheckpoint, match="is in another file"):
        OnnxRuntime(model.SerializeToString(), signature)


@pytest.mark.parametrize("loop", ["Loop", "Scan", "SequenceMap", "BeamSearch"])
def test_a_graph_with_a_loop_is_refused_before_it_runs(
    packed: Path, graph: bytes, loop: str
) -> None:
    signature = load(packed, BackendChoice("eager")).signature
    model = onnx.ModelProto.FromString(graph)
    # In the branch of a condition, where a node is in an attribute of another.
    step = onnx.helper.make_graph([], "step", [], [])
    endless = onnx.helper.make_node(loop, [], [], "endless", decoder=step)
    body = onnx.helper.make_graph([endless], "b", [], [])
    model.graph.node.append(onnx.helper.make_node("If", ["c"], ["y"], then_branch=body))
    with pytest.raises(UnsafeCheckpoint, match=f"'endless' is a {loop}, which may never end"):
        OnnxRuntime(model.SerializeToString(), signature)


def test_a_graph_with_functions_of_its_own_is_refused(packed: Path, graph: bytes) -> None:
    signature = load(packed, BackendChoice("eager")).signature
    model = onnx.ModelProto.FromString(graph)
    twice = [onnx.helper.make_node("Sin", [a], [b]) for a, b in ("xy", "yz")]
    model.functions.append(onnx.helper.make_function("own", "twice", ["x"], ["z"], twice, []))
    with pytest.raises(UnsafeCheckpoint, match="the function 'twice' in it is not run"):
        OnnxRuntime(model.SerializeToString(), signature)


def test_a_file_that_is_no_graph_and_a_graph_of_another_model_are_refused(
    packed: Path, graph: bytes
) -> None:
    signature = load(packed, BackendChoice("eager")).signature
    with pytest.raises((UnsafeCheckpoint, CardMismatch)):
        OnnxRuntime(b"no graph", signature)
    renamed = signature.inputs[0].model_copy(update={"name": "picture"})
    other = signature.model_copy(update={"inputs": [renamed]})
    with pytest.raises(CardMismatch, match="the ONNX graph maps image to output"):
        OnnxRuntime(graph, other)


def test_a_shape_that_the_graph_does_not_take_fails_alone(packed: Path, graph: bytes) -> None:
    run = OnnxRuntime(graph, load(packed, BackendChoice("eager")).signature)
    with pytest.raises(ForwardFailed, match="ONNX Runtime"):
        run({"image": np.zeros((1, 1, 9, 8), np.float32)})
    assert run({"image": np.zeros((1, 1, 8, 8), np.float32)})["output"].shape == (1, 10)


def test_a_golden_output_that_the_graph_misses_refuses_the_graph(packed: Path) -> None:
    model = load(packed, BackendChoice("onnxruntime"))
    inputs, outputs = model.golden[3]
    wrong = replace(model, golden={3: (inputs, {"output": outputs["output"] + 1})})
    with pytest.raises(CardMismatch, match="off by up to"):
        wrong.require_golden_outputs(wrong.open_backend())


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "", "meta", "cpu:1"])
def test_a_device_that_is_not_there_ends_the_start(packed: Path, device: str) -> None:
    with pytest.raises(DeviceNotFound, match="device"):
        require_device(device)
    if device:
        with pytest.raises(DeviceNotFound):
            create_app(Settings(model=packed, allow_code=True, device=device))


def test_an_output_of_another_shape_is_refused_before_it_takes_memory() -> None:
    class Expands(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.zeros(1).expand(len(x), 2**40)

    output = Output(name="output", dtype="float32", shape=[-1, 3])
    inputs = [Input(name="x", dtype="float32", shape=[-1, 1])]
    run = Eager(Expands(), Signature(inputs=inputs, outputs=[output]))
    with pytest.raises(ForwardFailed, match=rf"is float32 \[2, {2**40}\] for 2 rows"):
        run({"x": np.zeros((2, 1), np.float32)})
