"""A checkpoint in several files is not served, and what makes one of it is said."""

import re
import shlex
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from stateserve import LoadOptions, load_model
from stateserve.checkpoint import ConvertOptions, convert
from stateserve.errors import SeveralFiles, StateMismatch, UnreadableCheckpoint
from stateserve.model import pack_model
from tests.user_code import NETS, lenet_state, write_code

X = np.random.default_rng(0).random((1, 1, 8, 8), np.float32)
OPTIONS = LoadOptions(code="nets.py:LeNet", example=X)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_code(Path("nets.py"), NETS)
    torch.save(lenet_state(), "lenet.pth")


def refusals(path: Path) -> list[str]:
    found = []
    for read in (
        lambda: load_model(path),
        lambda: load_model(path, options=OPTIONS),
        lambda: pack_model(path, Path("models/lenet/1"), OPTIONS),
    ):
        with pytest.raises(SeveralFiles) as caught:
            read()
        found.append(str(caught.value))
    return found


def converted(text: str) -> Path:
    """The file that the recommended command writes, which is the end of the text."""
    [command] = re.findall("stateserve convert (.*)", text)
    source, target = map(Path, shlex.split(command))
    convert(source, target)
    return target


@pytest.mark.parametrize("whole", ["model.safetensors", "pytorch_model.bin"])
def test_an_index_is_joined_as_its_refusal_says(whole: str) -> None:
    convert(Path("lenet.pth"), Path(whole), ConvertOptions(max_shard_size="1KB"))
    index = Path(f"{whole}.index.json")
    [text] = set(refusals(index))
    assert text.startswith(f"{index}: a checkpoint in several files; ")
    target = converted(text)
    assert target == Path(whole).with_suffix(".safetensors")
    assert load_model(target, options=OPTIONS).state_sha256


def test_a_folder_of_parts_is_joined_as_its_refusal_says() -> None:
    Path("parts").mkdir()
    convert(Path("lenet.pth"), Path("parts/model.bin"), ConvertOptions(max_shard_size="1KB"))
    [text] = set(refusals(Path("parts")))
    assert load_model(converted(text), options=OPTIONS).state_sha256


def test_an_onnx_file_with_weights_elsewhere_says_what_is_served() -> None:
    parts = [numpy_helper.from_array(np.ones((9, 9), np.float32), "conv.weight")]
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [9, 9])]
    graph = helper.make_graph([], "lenet", given, [], parts)
    elsewhere = {"save_as_external_data": True, "location": "lenet.onnx.data", "size_threshold": 0}
    onnx.save(helper.make_model(graph), "lenet.onnx", **elsewhere)
    [text] = set(refusals(Path("lenet.onnx")))
    assert "export the module with torch.export, or pack its class with the state from" in text
    assert converted(text) == Path("lenet.safetensors")
    onnx.save(helper.make_model(graph), "lenet.onnx")
    with pytest.raises(StateMismatch, match=r"does not fit LeNet: .*; an export to ONNX may leave"):
        load_model("lenet.onnx", options=OPTIONS)


def test_a_card_is_no_checkpoint() -> None:
    pack_model(Path("lenet.pth"), Path("models/lenet/1"), OPTIONS)
    with pytest.raises(UnreadableCheckpoint, match=r"model\.json: a model card, not a checkpoint"):
        load_model("models/lenet/1/model.json", options=LoadOptions(allow_code=True))
