"""load_model: which loader a state gets, and what a packed folder must hold."""

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from stateserve import LoadOptions, load_model
from stateserve.errors import (
    CardMismatch,
    CheckpointError,
    CodeFailed,
    CodeNotAllowed,
    StateMismatch,
    UnreadableCheckpoint,
)
from stateserve.model import Predictor, TensorModel, convert_model, pack_model
from stateserve.model.architectures import Multiclass
from tests.checkpoints import save_model as save_classifier
from tests.corpus.other_files import write_onnx
from tests.programs import small, small_archive
from tests.user_code import lenet_outputs, lenet_state, write_code

X = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)).numpy()
ALLOWED = LoadOptions(allow_code=True)


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoadOptions:
    """A class, a state lenet.pth without a card, and an example in the working folder."""
    monkeypatch.chdir(tmp_path)
    write_code(Path("nets.py"))
    torch.save(lenet_state(), "lenet.pth")
    return LoadOptions(code="nets.py:LeNet", example=X)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("packed")
    write_code(place / "nets.py")
    torch.save(lenet_state(), place / "lenet.pth")
    options = LoadOptions(code=f"{place}/nets.py:LeNet", example=X)
    return pack_model(place / "lenet.pth", place / "models/1", options).state.parent


@pytest.fixture
def folder(packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A packed model, relative to the working folder."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(packed, "models/digits/1"))


def loaded(path: Path | str, options: LoadOptions = ALLOWED) -> TensorModel:
    model = load_model(path, options=options)
    assert isinstance(model, TensorModel)
    return model


def test_a_state_and_a_class_give_what_the_module_gives(options: LoadOptions) -> None:
    model = loaded("lenet.pth", options)
    found = model.run({"x": X.copy()})["output"]
    assert found == pytest.approx(lenet_outputs(lenet_state(), torch.tensor(X)).numpy(), abs=1e-4)
    assert (model.name, model.version, model.module.training) == ("lenet", "1", False)
    assert model.inferred == ["input x float32 [-1, 1, 8, 8]", "output output float32 [-1, 10], te"
                              "nsor"]  # fmt: skip
    assert "no model card" in model.card.warnings[0]
    assert model.arrays["norm.num_batches_tracked"] == 7


def test_a_card_of_version_1_makes_a_predictor(tmp_path: Path) -> None:
    path = save_classifier(tmp_path / "made.pth")
    assert isinstance(load_model(path), Predictor)
    with pytest.raises(CardMismatch, match=r"made\.json: the state has a model card"):
        load_model(path, options=LoadOptions(code="nets.py:Net"))


def test_a_packed_folder_is_loaded_with_permission(folder: Path) -> None:
    model = loaded(folder / "model.pth")
    assert model.name == folder.parent.name
    same = loaded(folder)
    assert (same.name, same.state_sha256) == (model.name, model.state_sha256)
    with pytest.raises(UnreadableCheckpoint, match=r"models/digits: a folder with 0 models that"):
        load_model(folder.parent)
    found = model.run({"x": X.copy()})["output"]
    assert found == pytest.approx(lenet_outputs(lenet_state(), torch.tensor(X)).numpy(), abs=1e-4)
    assert model.card.warnings == model.inferred == []
    with pytest.raises(CodeNotAllowed) as caught:
        load_model(folder / "model.pth")
    assert str(caught.value) == (
        f"{folder}/nets.py: loading the model runs this file; "
        "start with --allow-code, or load with LoadOptions(allow_code=True), if you trust it"
    )


def test_a_conversion_takes_the_card_and_its_files_along(folder: Path, tmp_path: Path) -> None:
    convert_model(folder / "model.pth", folder / "model.safetensors")
    Path("other").mkdir()
    convert_model(folder / "model.pth", Path("other/digits.safetensors"))
    assert loaded("other/digits.safetensors").signature == loaded(folder / "model.pth").signature
    write_code(Path("other/nets.py"), "# of another model\n")
    with pytest.raises(FileExistsError, match="another file is there already"):
        convert_model(folder / "model.pth", Path("other/digits.safetensors"))
    assert Path("other/nets.py").read_text() == "# of another model\n"


def test_a_program_needs_no_permission(tmp_path: Path) -> None:
    path = tmp_path / "small.pt2"
    path.write_bytes(small_archive())
    x = np.random.default_rng(0).random((3, 4), np.float32)
    with torch.inference_mode():
        expected = small()(torch.tensor(x)).numpy()
    assert loaded(path, LoadOptions()).run({"x": x})["output"] == pytest.approx(expected)
    packed = pack_model(None, tmp_path / "models/p/1", LoadOptions(code=str(path)))
    assert loaded(packed.state, LoadOptions()).signature.lines == [
        "input x float32 [-1, 4]",
        "output output float32 [-1, 3], tensor",
    ]


def test_another_state_replaces_that_of_a_program(tmp_path: Path) -> None:
    path = tmp_path / "small.pt2"
    path.write_bytes(small_archive())
    other = small()
    with torch.no_grad():
        other.layer.weight.mul_(2)
    torch.save(other.state_dict(), tmp_path / "other.pth")
    x = np.ones((1, 4), np.float32)
    model = loaded(tmp_path / "other.pth", LoadOptions(code=str(path)))
    with torch.inference_mode():
        assert model.run({"x": x})["output"] == pytest.approx(other(torch.tensor(x)).numpy())
    torch.save(nn.Linear(1, 1).state_dict(), tmp_path / "wrong.pth")
    with pytest.raises(StateMismatch, match=r"wrong\.pth: .*small\.pt2: the state does not fit"):
        loaded(tmp_path / "wrong.pth", LoadOptions(code=str(path)))


def test_a_program_and_its_card_are_one_model(tmp_path: Path) -> None:
    path = tmp_path / "p.pt2"
    path.write_bytes(small_archive())
    pack_model(None, tmp_path / "p.pth", LoadOptions(code=str(path)))
    (tmp_path / "p.pth").unlink()
    assert loaded(path, LoadOptions()).card.warnings == []
    change_card(tmp_path / "p.json", state_sha256="0" * 64)
    with pytest.raises(CardMismatch, match="the card is of state 000000000000"):
        load_model(path)


def test_a_prefix_is_taken_off(options: LoadOptions) -> None:
    torch.save({f"module.{name}": each for name, each in lenet_state().items()}, "dp.pth")
    with pytest.raises(StateMismatch, match=r"dp\.pth: .*--strip-prefix module\."):
        loaded("dp.pth", options)
    stripped = LoadOptions(code=options.code, example=X, strip_prefix="module")
    assert loaded("dp.pth", stripped).state_sha256 == loaded("lenet.pth", options).state_sha256
    with pytest.raises(StateMismatch, match=r"lenet\.pth: no name begins with"):
        loaded("lenet.pth", stripped)


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (lambda name: f"_orig_mod.{name}", "--strip-prefix module._orig_mod. takes it off"),
        (
            lambda name: name.replace("conv.", "cnv."),
            "stateserve convert --strip-prefix module. --rename cnv=conv dp.pth dp.safetensors",
        ),
    ],
)
def test_a_hint_after_a_prefix_is_about_the_whole_names(
    options: LoadOptions, change: Callable[[str], str], hint: str
) -> None:
    state = {f"module.{change(name)}": each for name, each in lenet_state().items()}
    torch.save(state, "dp.pth")
    with pytest.raises(StateMismatch, match=r"without 'module\.', the state does") as refused:
        loaded("dp.pth", replace(options, strip_prefix="module."))
    assert hint in str(refused.value)


def test_the_prefix_of_a_state_without_a_card_is_named() -> None:
    state = {f"module._orig_mod.{name}": each for name, each in Multiclass().state_dict().items()}
    torch.save(state, "iris.pth")
    taken = (
        "stateserve convert --strip-prefix module._orig_mod. iris.pth iris.safetensors takes it off"
    )
    with pytest.raises(StateMismatch, match=re.escape(taken)):
        load_model("iris.pth")


REFUSED: dict[str, tuple[str, LoadOptions]] = {
    "lenet.pth: the state of another network: it has 9 entries: conv 2, norm 5, fc 2; it needs "
    "its code: `stateserve serve --model lenet.pth --code FILE.py:CLASS --example x.npy`": (
        "lenet.pth",
        LoadOptions(),
    ),
    "lenet.pth: the model's inputs are not known; give an example of them, --example FILE": (
        "lenet.pth",
        LoadOptions(code="nets.py:LeNet"),
    ),
    "digits.onnx: an ONNX file; its graph is not served by itself": (
        "lenet.pth",
        LoadOptions(code="digits.onnx", example=X),
    ),
    "nowhere.pth: No such file": ("nowhere.pth", LoadOptions(code="nets.py:LeNet", example=X)),
    "nowhere.npy: No such file": (
        "lenet.pth",
        LoadOptions(code="nets.py:LeNet", example=Path("nowhere.npy")),
    ),
    "lenet.pth: the state does not fit LeNet: fc.bias has shape [10], not [3]": (
        "lenet.pth",
        LoadOptions(code="nets.py:LeNet", example=X, kwargs={"n_classes": 3}),
    ),
    "x.pt2: a program of torch.export takes no kwargs": (
        "lenet.pth",
        LoadOptions(code="x.pt2", kwargs={"n": 1}),
    ),
}


def test_an_onnx_file_alone_is_no_model_and_what_is_one_is_said(tmp_path: Path) -> None:
    write_onnx(tmp_path / "digits.onnx")
    alone = r"digits\.onnx: an ONNX file; its graph is not served by itself: .*torch\.export"
    with pytest.raises(StateMismatch, match=alone):
        load_model(tmp_path / "digits.onnx")


@pytest.mark.parametrize("reason", REFUSED)
def test_a_state_that_cannot_be_loaded_says_what_is_missing(
    options: LoadOptions, reason: str
) -> None:
    path, given = REFUSED[reason]
    with pytest.raises(CheckpointError) as caught:
        load_model(path, options=given)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def change_card(card: Path, **changes: object) -> None:
    content = json.loads(card.read_bytes())
    for name, value in changes.items():
        part, _, field = name.partition("__")
        if field:
            content[part][field] = value
        else:
            content[part] = value
    card.write_text(json.dumps(content))


CARDS: dict[str, dict[str, object]] = {
    "code.class.file: '../nets.py' is not a Python file in": {"code__file": "../nets.py"},
    "code.class.file: '/etc/passwd.py' is not": {"code__file": "/etc/passwd.py"},
    "is not the name of a file in the card's folder": {
        "golden__file": "../model.golden.safetensors"
    },
    "nets.py: not the code of the model card": {"code__sha256": "0" * 64},
    "code.class.sha256: '0' is not a SHA-256": {"code__sha256": "0"},
    "golden file of the card, whose SHA-256 differs": {"golden__sha256": "0" * 64},
    "the card is of state 000000000000, but model.pth holds": {"state_sha256": "0" * 64},
    "code.class.name: 'os.system' is not a name of Python": {"code__name": "os.system"},
    "no class Other; it has LeNet": {"code__name": "Other"},
    "nets.py:LeNet has no argument 'n'": {"code__kwargs": {"n": 1}},
    "code.class.kwargs: an object; accepted is a length of at most 100": {
        "code__kwargs": {f"a{index}": 0 for index in range(101)}
    },
    "golden: missing": {"golden": None},
    "layers.py: No such file or directory": {"code__modules": {"layers.py": "0" * 64}},
    "code.class.modules": {"code__modules": {"../layers.py": "0" * 64}},
    "code: Input tag 'pickle'": {"code__kind": "pickle"},
    "p.pt2: No such file": {"code": {"kind": "program", "file": "p.pt2", "sha256": "0" * 64}},
    "shape has more elements": {
        "inputs": [{"name": "x", "dtype": "float32", "shape": [-1, 2**31 - 1, 2]}]
    },
    "'x' of 1 rows is float32 [1, 1, 8, 8]; the card says float32 [-1, 1, 9, 9]": {
        "inputs": [{"name": "x", "dtype": "float32", "shape": [-1, 1, 9, 9]}]
    },
    "'x' of 1 rows is float32 [1, 1, 8, 8]; the card says int64": {
        "inputs": [{"name": "x", "dtype": "int64", "shape": [-1, 1, 8, 8]}]
    },
    "no tensor '1/outputs/y' in it": {
        "outputs": [{"name": "y", "dtype": "float32", "shape": [-1, 10]}]
    },
    "schema_version: 3; 1 and 2 are read": {"schema_version": 3},
    "schema_version: True; 1 and 2 are read": {"schema_version": True},
    "schema_version: 2.0; 1 and 2 are read": {"schema_version": 2.0},
    r"name: 'a\x1b[31m' has a control character, '\x1b'": {"name": "a\x1b[31m"},
    "name: ''; accepted is a length of at least 1": {"name": ""},
    "inputs: an object; accepted is a list": {"inputs": {}},
    "code: 'nets.py'; accepted is an object": {"code": "nets.py"},
    "shape: axis 2 has the length 0; from 1, or -1 for any": {
        "inputs": [{"name": "x", "dtype": "float32", "shape": [-1, 2**31 - 1, 0]}]
    },
}


@pytest.mark.parametrize("reason", CARDS)
def test_a_card_that_is_not_true_is_refused(folder: Path, reason: str) -> None:
    change_card(folder / "model.json", **CARDS[reason])
    with pytest.raises(CheckpointError) as caught:
        load_model(folder / "model.pth", options=ALLOWED)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_a_card_with_a_key_twice_is_refused(folder: Path) -> None:
    card = (folder / "model.json").read_text()
    (folder / "model.json").write_text(card.replace('"kwargs": {}', '"kwargs": {"n": 1, "n": 2}'))
    with pytest.raises(CardMismatch, match=r"model\.json: the key 'n' stands twice in one object"):
        load_model(folder / "model.pth", options=ALLOWED)


def test_a_deeply_nested_card_is_refused(folder: Path) -> None:
    card = (folder / "model.json").read_text()
    bomb = "[" * 50_000 + "]" * 50_000
    text = card.replace('"kwargs": {}', f'"kwargs": {{"a": {bomb}}}')
    assert text != card
    (folder / "model.json").write_text(text)
    with pytest.raises(CardMismatch, match=r"model\.json: "):
        load_model(folder / "model.pth", options=ALLOWED)


def edit_code(folder: Path) -> None:
    with (folder / "nets.py").open("a") as file:
        file.write("\nopen('ran', 'w')\n")


def link_code(folder: Path) -> None:
    content = (folder / "nets.py").read_bytes()
    (folder / "nets.py").unlink()
    (folder.parent / "nets.py").write_bytes(content)
    (folder / "nets.py").symlink_to("../nets.py")


def fifo_code(folder: Path) -> None:
    (folder / "nets.py").unlink()
    os.mkfifo(folder / "nets.py")


def golden_of_other_outputs(folder: Path) -> None:
    path = folder / "model.golden.safetensors"
    tensors = load_file(path)
    tensors["3/outputs/output"] += 1
    save_file(tensors, path)
    from stateserve.model.architectures.code import sha256

    change_card(folder / "model.json", golden__sha256=sha256(path.read_bytes()))


CHANGES: dict[str, tuple[Callable[[Path], None], type[CheckpointError]]] = {
    "nets.py: not the code of the model card: its SHA-256 is": (edit_code, CodeFailed),
    "nets.py: a symbolic link out of": (link_code, CodeFailed),
    "nets.py: not a regular file": (fifo_code, CodeFailed),
    "output 'output' of 3 rows is off by up to 1": (golden_of_other_outputs, CardMismatch),
    "model.golden.safetensors: No such": (
        lambda folder: (folder / "model.golden.safetensors").unlink(),
        CardMismatch,
    ),
    "nets.py: No such file": (lambda folder: (folder / "nets.py").unlink(), CodeFailed),
    "model.pth: No such file": (lambda f: (f / "model.pth").unlink(), UnreadableCheckpoint),
}


@pytest.mark.parametrize("reason", CHANGES)
def test_a_changed_file_is_refused_before_it_runs(folder: Path, reason: str) -> None:
    change, error = CHANGES[reason]
    change(folder)
    with pytest.raises(error) as caught:
        load_model(folder / "model.pth", options=ALLOWED)
    assert reason in str(caught.value)
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("name", "value"), [("conv.bias", torch.nan), ("fc.weight", -torch.inf), ("x", torch.nan)]
)
def test_weights_that_are_not_finite_are_refused(
    options: LoadOptions, name: str, value: float
) -> None:
    state = lenet_state()
    state[name if name in state else "norm.running_mean"].view(-1)[0] = value
    torch.save(state, "lenet.pth")
    with pytest.raises(StateMismatch, match="has 1 NaN or infinite values"):
        load_model("lenet.pth", options=options)


def test_a_neighbour_that_is_not_in_the_card_is_not_found(options: LoadOptions) -> None:
    write_code(Path("layers.py"), "SIZE = 144\n")
    write_code(Path("nets.py"), "from layers import SIZE\n" + Path("nets.py").read_text())
    state = pack_model(Path("lenet.pth"), Path("m/1"), options).state
    assert (state.parent / "layers.py").exists()
    loaded(state)
    change_card(state.with_suffix(".json"), code__modules={})
    with pytest.raises(CodeFailed, match="No module named 'layers'"):
        load_model(state, options=ALLOWED)
