"""Archives of TorchServe: what becomes of each part, and what is refused."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from stateserve import LoadOptions, load_model
from stateserve.errors import CheckpointError
from stateserve.model import Packed, TensorModel, hints_of, pack_model

BLOCKS = b"""
from torch import nn

class Block(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 4, 5, 4), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1))
"""
NET = b"""
from blocks import Block
from torch import nn

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(Block(), nn.Flatten(), nn.Linear(4, 3))
"""
MODEL = {"modelName": "pets", "modelFile": "net.py", "serializedFile": "pets.pt"}


def oracle() -> nn.Module:
    """The module of NET."""
    torch.manual_seed(0)
    block = nn.Sequential(nn.Conv2d(3, 4, 5, 4), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1))
    return nn.Sequential(block, nn.Flatten(), nn.Linear(4, 3)).eval()


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    torch.save(oracle().state_dict(), tmp_path / "pets.pt")
    state = (tmp_path / "pets.pt").read_bytes()
    handler = b"raise SystemExit('the handler was run')"
    return {"net.py": NET, "blocks.py": BLOCKS, "pets.pt": state, "handler.py": handler}


def archived(folder: Path, files: dict[str, bytes], **fields: object) -> Path:
    path = folder / "pets.mar"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr("MAR-INF/MANIFEST.json", json.dumps({"model": MODEL | fields}))
    return path


def packed_from(path: Path, output: Path, options: LoadOptions, name: str | None = None) -> Packed:
    return pack_model(None, output, replace(options, code=str(path)), name=name)


def served(state: Path) -> TensorModel:
    model = load_model(state, options=LoadOptions(allow_code=True))
    assert isinstance(model, TensorModel)
    return model


def test_the_packed_model_answers_as_its_module(tmp_path: Path, files: dict[str, bytes]) -> None:
    files["index_to_name.json"] = (
        b'{"1": ["n2", "crane"], "0": ["n1", "cat"], "2": ["n3", "crane"]}'
    )
    path = archived(tmp_path, files, handler="image_classifier")
    packed = packed_from(path, tmp_path / "pets" / "1", LoadOptions())
    assert sorted(each.name for each in packed.files) == [
        "blocks.py",
        "model.golden.safetensors",
        "model.json",
        "model.pth",
        "net.py",
    ]
    model = served(packed.state)
    assert model.card.name == "pets"
    image = model.card.inputs[0].image
    assert image is not None
    assert (image.resize, image.crop, image.row_shape) == (256, [224, 224], [3, 224, 224])
    assert model.card.outputs[0].classes == ["cat", "n2 crane", "n3 crane"]
    x = np.random.default_rng(1).random((2, 3, 224, 224), np.float32)
    with torch.no_grad():
        expected = oracle()(torch.from_numpy(x))
    answer = torch.from_numpy(model.run({"input": x})["output"])
    torch.testing.assert_close(answer, expected)


def test_given_options_precede_the_archive_and_another_handler_is_named(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    files["index_to_name.json"] = b'{"0": "x", "1": "y", "2": "z"}'
    path = archived(tmp_path, files, handler="handler.py:handle")
    hints = hints_of(classes=["a", "b", "c"])
    example = np.zeros((2, 3, 32, 32), np.float32)
    options = LoadOptions(example=example, hints=hints)
    packed = packed_from(path, tmp_path / "out" / "1", options, name="mine")
    assert packed.card.name == "mine"
    assert packed.card.outputs[0].classes == ["a", "b", "c"]
    assert "the handler handler.py:handle is not run" in packed.notes[0]


def test_an_archive_in_a_folder_is_packed(tmp_path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(archived(tmp_path, files, handler="image_classifier")) as archive:
        archive.extractall(tmp_path / "unpacked")
    packed = packed_from(tmp_path / "unpacked", tmp_path / "out" / "1", LoadOptions())
    assert served(packed.state).card.name == "pets"


def test_one_of_several_modules_is_named(tmp_path: Path, files: dict[str, bytes]) -> None:
    several = b"class Other(nn.Linear):\n    pass\n"
    path = archived(tmp_path, files | {"net.py": NET + several}, handler="image_classifier")
    with pytest.raises(
        CheckpointError, match=r"several: Net, Other; name one: \S+/pets\.mar:CLASS$"
    ):
        packed_from(path, tmp_path / "out" / "1", LoadOptions())
    packed = packed_from(Path(f"{path}:Net"), tmp_path / "out" / "1", LoadOptions())
    assert served(packed.state).card.name == "pets"


BROKEN: dict[str, tuple[dict[str, bytes], dict[str, object], str]] = {
    "TorchScript": (
        {},
        {"modelFile": ""},
        "pets.mar: without a model file, pets.pt is TorchScript",
    ),
    "ONNX": (
        {"pets.onnx": b"nothing"},
        {"modelFile": "", "serializedFile": "pets.onnx"},
        "pets.mar: pets.onnx is an ONNX file; its graph is not served by itself: export the module",
    ),
    "no weights": ({}, {"serializedFile": ""}, "its handler makes the model"),
    "a file that is not there": ({}, {"modelFile": "nix.py"}, "has no file 'nix.py'"),
    "a file outside": ({}, {"modelFile": "../../etc/passwd"}, "has no file"),
    "a path that no system has": ({}, {"serializedFile": "a\0b"}, "has no file 'a"),
    "a long name": ({}, {"modelName": "a" * 1001}, "the card: name: "),
    "an absolute path": ({}, {"serializedFile": "/etc/passwd"}, "has no file '/etc/passwd'"),
    "a manifest of another form": (
        {},
        {"modelFile": ["net.py"]},
        "pets.mar/MAR-INF/MANIFEST.json: model.modelFile",
    ),
    "labels that are no map": ({"index_to_name.json": b'"cat"'}, {}, "index_to_name.json: "),
    "labels with a gap": ({"index_to_name.json": b'{"0": "a", "2": "b"}'}, {}, "indices 0, 1, 2"),
    "labels in depth": ({"index_to_name.json": b"[" * 100_000}, {}, "index_to_name.json: "),
    "code that fails": ({"net.py": b"1 / 0"}, {}, "pets.mar/net.py"),
    "weights that are none": ({"pets.pt": b"nothing"}, {}, "pets.mar/pets.pt"),
    "no example": (
        {},
        {"handler": "handler.py"},
        "pets.mar: the handler handler.py is not run, so the model's inputs are not known; --image",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_is_one_line(case: str, tmp_path: Path, files: dict[str, bytes]) -> None:
    more, fields, message = BROKEN[case]
    path = archived(tmp_path, files | more, **{"handler": "image_classifier"} | fields)
    with pytest.raises(CheckpointError) as refused:
        packed_from(path, tmp_path / "out" / "1", LoadOptions())
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.mar").write_text("no archive")
    with pytest.raises(CheckpointError, match=r"text\.mar: not an archive of TorchServe"):
        packed_from(tmp_path / "text.mar", tmp_path / "out", LoadOptions())


HOSTILE = {
    "an entry that inflates to the memory": ({"big.py": bytes(2**26)}, "more than 32 times"),
    "an entry above its folder": ({"../out.py": b""}, r"'\.\./out\.py' leads out of its folder"),
    "an entry of an absolute path": ({"/tmp/out.py": b""}, "leads out of its folder"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_archive_writes_nothing(
    case: str, tmp_path: Path, files: dict[str, bytes]
) -> None:
    more, message = HOSTILE[case]
    path = archived(tmp_path, more | files, handler="image_classifier")
    with pytest.raises(CheckpointError, match=message):
        packed_from(path, tmp_path / "out", LoadOptions())
    assert not (tmp_path / "out").exists()
    assert not Path("/tmp/out.py").exists()


def test_an_archive_with_two_entries_of_one_name_is_refused(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    path = archived(tmp_path, files)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("net.py", b"")
    with pytest.raises(CheckpointError, match="two entries of one name"):
        packed_from(path, tmp_path / "out", LoadOptions())
