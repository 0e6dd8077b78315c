"""The `app` command, as its entry point runs it."""

import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from app.cli import main
from app.multiclass import Multiclass
from tests.conftest import IRIS

Run = Callable[..., tuple[object, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `app ARGUMENTS`; returns what it exited with and what it printed, errors included."""

    def run(*arguments: object) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", ["app", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return ended.value.code, printed.out + printed.err

    return run


@pytest.mark.parametrize("suffix", [".safetensors", ".pickle", ".pth"])
def test_convert_keeps_every_tensor(run: Run, tmp_path: Path, suffix: str) -> None:
    target, back = tmp_path / f"other{suffix}", tmp_path / "back.pth"
    assert run("convert", IRIS, target) == (0, f"wrote {target}: 4 tensors\n")
    assert run("convert", target, back)[0] == 0
    expected = torch.load(IRIS)
    for name, tensor in torch.load(back).items():
        assert torch.equal(tensor, expected[name])


def test_convert_takes_a_whole_module_only_when_trusted(run: Run, tmp_path: Path) -> None:
    whole, target = tmp_path / "whole.pth", tmp_path / "state.pth"
    module = Multiclass()
    torch.save(module, whole)
    code, _ = run("convert", whole, target)
    assert "app.multiclass.Multiclass" in str(code)
    assert "--trust-pickle" in str(code)
    assert not target.exists()
    assert run("convert", whole, target, "--trust-pickle")[0] == 0
    assert torch.equal(torch.load(target)["hidden.weight"], module.hidden.weight)


def test_convert_refuses_a_suffix_that_it_cannot_write(run: Run, tmp_path: Path) -> None:
    code, _ = run("convert", IRIS, tmp_path / "state.onnx")
    assert ".safetensors" in str(code)


def test_trusting_a_pickle_that_holds_no_state(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "list.pickle"
    source.write_bytes(pickle.dumps([1, 2]))
    code, _ = run("convert", source, tmp_path / "state.pth", "--trust-pickle")
    assert "list" in str(code)
    assert "\n" not in str(code)


def test_inspect_prints_every_entry_and_the_totals(run: Run) -> None:
    code, out = run("inspect", IRIS)
    assert code == 0
    for name, tensor in torch.load(IRIS).items():
        row = next(line for line in out.splitlines() if name in line)
        assert f"{tensor.mean():.4g}" in row
        assert "parameter" in row
    assert "67 parameters, 0 buffers, 268 bytes" in out


def test_inspect_for_programs(run: Run) -> None:
    code, out = run("inspect", IRIS, "--json")
    assert code == 0
    view = json.loads(out)
    assert [entry["name"] for entry in view["entries"]] == list(torch.load(IRIS))
    assert view["totals"]["parameters"] == 67


def test_inspect_takes_any_state_dict(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "other.pth"
    torch.save({"conv.weight": torch.ones(2, 3, 5, 5)}, file)
    code, out = run("inspect", file)
    assert code == 0
    assert "conv.weight" in out
    assert "[2, 3, 5, 5]" in out


def test_inspect_names_a_missing_file(run: Run, tmp_path: Path) -> None:
    code, _ = run("inspect", tmp_path / "none.pth")
    assert str(tmp_path / "none.pth") in str(code)
    assert "\n" not in str(code)


def test_settings_are_listed_with_the_value_in_force(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MULTICLASS_PORT", "9001")
    code, out = run("settings")
    assert code == 0
    assert next(line for line in out.splitlines() if "MULTICLASS_PORT" in line).split()[1] == "9001"


def test_serve_help_lists_every_option(run: Run) -> None:
    code, out = run("serve", "--help")
    assert code == 0
    assert "--port" in out
    assert "--model" in out


def test_serve_refuses_an_option_that_it_does_not_know(run: Run) -> None:
    code, out = run("serve", "--prot", "9001")
    assert code == 2
    assert "unrecognized arguments: --prot" in out
