"""`stateserve convert`: what it writes, says and refuses."""

import json
import pickle
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from stateserve.model.architectures.multiclass import Multiclass
from tests.app.cli.conftest import Run
from tests.project import IRIS


@pytest.mark.parametrize("suffix", [".safetensors", ".pickle", ".pth"])
def test_convert_keeps_every_tensor(run: Run, tmp_path: Path, suffix: str) -> None:
    target, back = tmp_path / f"other{suffix}", tmp_path / "back.pth"
    assert run("convert", IRIS, target) == (0, f"wrote {target}: 4 tensors\n")
    assert run("convert", target, back)[0] == 0
    expected = torch.load(IRIS)
    for name, tensor in torch.load(back).items():
        assert torch.equal(tensor, expected[name])


def test_convert_takes_a_whole_module_without_its_code(run: Run, tmp_path: Path) -> None:
    whole, target = tmp_path / "whole.pth", tmp_path / "state.pth"
    module = Multiclass()
    torch.save(module, whole)
    assert run("convert", whole, target)[0] == 0
    assert torch.equal(torch.load(target)["hidden.weight"], module.hidden.weight)
    assert run("convert", whole, target, "--trust-pickle")[0] == 0
    assert torch.equal(torch.load(target)["hidden.weight"], module.hidden.weight)


def test_the_state_of_a_container_is_chosen_by_its_key(run: Run, tmp_path: Path) -> None:
    source, target = tmp_path / "gan.pth", tmp_path / "state.pth"
    torch.save({"generator": {"w": torch.ones(2)}, "discriminator": {"w": torch.ones(3)}}, source)
    code, _ = run("convert", source, target)
    assert "its states are at 'generator', 'discriminator': choose one with --key" in str(code)
    assert run("convert", source, target, "--key", "discriminator")[0] == 0
    assert torch.load(target)["w"].tolist() == [1, 1, 1]
    code, out = run("inspect", source, "--key", "generator")
    assert code == 0
    assert "[2]" in out


def test_convert_refuses_a_suffix_that_it_cannot_write(run: Run, tmp_path: Path) -> None:
    code, _ = run("convert", IRIS, tmp_path / "state.onnx")
    assert ".safetensors" in str(code)


def test_convert_makes_no_folder(run: Run, tmp_path: Path) -> None:
    code, _ = run("convert", IRIS, tmp_path / "misspelt" / "state.pth")
    assert code == f"stateserve: {tmp_path}/misspelt: No such folder"
    assert list(tmp_path.iterdir()) == []


def test_trusting_a_pickle_that_holds_no_state(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "list.pickle"
    source.write_bytes(pickle.dumps([1, 2]))
    code, _ = run("convert", source, tmp_path / "state.pth", "--trust-pickle")
    assert "list" in str(code)
    assert "\n" not in str(code)


def test_convert_for_programs(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "other.safetensors"
    code, out = run("convert", IRIS, target, "--json")
    assert code == 0
    assert json.loads(out) == {"file": str(target), "parts": [], "tensors": 4, "notes": []}


def test_all_options_at_once_and_what_is_said_of_them(run: Run, tmp_path: Path) -> None:
    source, target = tmp_path / "run.ckpt", tmp_path / "model.safetensors"
    shared = torch.full((2, 3), 1e5)
    state = {"net.embed": shared, "net.head": shared, "net.old.bias": torch.ones(2), "step": 3}
    torch.save({"state_dict": state, "optimizer": {"state": {}, "param_groups": []}}, source)
    changes = ["--strip-prefix", "net", "--rename", "old=new", "--only", "h*", "--only", "new"]
    size = ["--dtype", "float16", "--allow-overflow", "--max-shard-size", "12B"]
    code, out = run("convert", source, target, *changes, *size, "--key", "state_dict")
    assert (code, out.splitlines()) == (
        0,
        [
            f"wrote {target}.index.json and 2 files: 2 tensors",
            "left out, no tensors: step",
            "cast to float16: 2 of 2 tensors",
            "became infinite: 6 elements, in head",
        ],
    )
    found = load_file(tmp_path / "model-00001-of-00002.safetensors")
    assert torch.equal(found["head"], shared.half())
    found = load_file(tmp_path / "model-00002-of-00002.safetensors")
    assert found["new.bias"].tolist() == [1, 1]


def test_a_card_goes_along_only_with_the_state_that_it_is_of(run: Run, tmp_path: Path) -> None:
    assert run("convert", IRIS, tmp_path / "a.pth", "--ties", "copy")[0] == 0
    assert (tmp_path / "a.json").exists()
    _, out = run("convert", IRIS, tmp_path / "b.pth", "--dtype", "float64")
    assert "iris-model.json is the card of the state before the changes" in out
    assert not (tmp_path / "b.json").exists()
    # Any other file of that name is no reason to refuse the weights.
    (tmp_path / "a.json").write_text('{"hidden_size": 4}')
    code, out = run("convert", tmp_path / "a.pth", tmp_path / "c.npz")
    assert code == 0
    assert f"no card is copied: {tmp_path}/a.json: " in out


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--dtype", "int8"], "'int8' is not float16, bfloat16, float32 or float64"),
        (["--ties", "maybe"], "--ties: 'maybe' is not keep, copy or omit"),
        (["--max-shard-size", "many"], "'many' is no size such as 500MB or 2GB"),
        (["--only", "hiden"], "no tensor matches 'hiden'; the nearest name is 'hidden"),
        (["--rename", "hiden=a"], "no tensor's name has 'hiden'; the nearest name is 'hidden"),
        (["--rename", "hidden"], "'hidden' is not OLD=NEW"),
        (["--rename", "hidden=output"], "would both be named 'output."),
        (["--strip-prefix", "module"], "no tensor's name begins with 'module.'"),
        (["--key", "ema"], "no tensors at 'ema'"),
    ],
)
def test_options_that_do_not_fit_are_one_line(
    run: Run, tmp_path: Path, options: list[str], reason: str
) -> None:
    code, out = run("convert", IRIS, tmp_path / "a.pth", *options)
    assert reason in str(code)
    assert "\n" not in str(code)
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_targets_that_are_no_place_for_a_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.pth").mkdir()
    code, _ = run("convert", IRIS, tmp_path / "a.pth")
    assert code == f"stateserve: {tmp_path}/a.pth: Is a folder; name a file in it"
    code, _ = run("convert", IRIS, tmp_path / "a.npz", "--legacy")
    assert code == f"stateserve: {tmp_path}/a.npz: --legacy is of torch.save; it has no .npz"


def test_a_gguf_file_is_only_looked_at(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "a.gguf"
    # Version 3, no tensor, no metadata.
    source.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, 0))
    code, _ = run("convert", source, tmp_path / "a.pth")
    assert str(code).startswith(f"stateserve: {source}: a GGUF file, which is only looked at: ")


def test_the_folder_at_hand_is_a_source(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_file({"a": torch.ones(9), "b": torch.ones(9)}, tmp_path / "in.safetensors")
    (tmp_path / "parts").mkdir()
    target = tmp_path / "parts" / "model.safetensors"
    run("convert", tmp_path / "in.safetensors", target, "--max-shard-size", "40")
    monkeypatch.chdir(tmp_path / "parts")
    assert run("convert", ".", "whole.pth") == (0, "wrote whole.pth: 2 tensors\n")
    assert torch.load("whole.pth").keys() == {"a", "b"}
