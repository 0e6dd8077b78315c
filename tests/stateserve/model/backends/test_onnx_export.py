"""The ONNX graph of a program of torch.export, which needs no class."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stateserve.errors import CardMismatch
from stateserve.model.architectures.exported_program import read_program
from stateserve.model.backends.backend import BackendChoice
from stateserve.model.backends.onnx_graph import export_onnx
from stateserve.model.backends.onnx_runtime import OnnxRuntime
from stateserve.model.loading.load import load_model
from stateserve.model.loading.options import LoadOptions
from stateserve.model.packing.packed import pack_model
from stateserve.model.signature import Input, Output, Signature
from stateserve.model.tensor_model import TensorModel
from tests.programs import exported, small, small_archive

pytest.importorskip("onnx")


def test_a_program_is_packed_with_its_graph(tmp_path: Path) -> None:
    code = tmp_path / "small.pt2"
    code.write_bytes(small_archive())
    options = LoadOptions(code=str(code))
    packed = pack_model(None, tmp_path / "small" / "1", options, onnx=True)
    served = LoadOptions(backend=BackendChoice("onnxruntime"))
    model = load_model(packed.state, options=served)
    assert isinstance(model, TensorModel)
    assert isinstance(model.backend, OnnxRuntime)
    rows = torch.rand(7, 4)
    with torch.inference_mode():
        expected = small()(rows).numpy()
    np.testing.assert_allclose(model.run({"x": rows.numpy()})["output"], expected, rtol=1e-5)


class Singular(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.svdvals(x.reshape(-1, 2, 2))


def test_what_torch_cannot_export_has_one_line_with_the_cause() -> None:
    rows = ({0: torch.export.Dim.DYNAMIC},)
    module = read_program(exported(Singular(), torch.rand(3, 4), dynamic_shapes=rows), "model.pt2")
    signature = Signature(
        inputs=[Input(name="x", dtype="float32", shape=[-1, 4])],
        outputs=[Output(name="output", dtype="float32", shape=[-1, 2])],
    )
    with pytest.raises(CardMismatch, match=r"no ONNX graph of this module: .*svd") as refused:
        export_onnx(module, signature, {"x": np.ones((3, 4), np.float32)})
    assert str(refused.value).isprintable()
    assert r"\x1b" not in str(refused.value)
