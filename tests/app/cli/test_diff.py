"""`stateserve diff`, between files and services."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from stateserve.inspect.state_difference import compare_states
from tests.app.cli.conftest import Run
from tests.process import Process
from tests.project import IRIS


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """iris with one changed value, one renamed tensor, one other dtype, and one other shape."""
    state = torch.load(IRIS)
    state["hidden.weight"][2, 1] += 0.5
    state["other.bias"] = state.pop("hidden.bias")
    state["output.bias"] = state["output.bias"].double()
    state["output.weight"] = state["output.weight"].T.contiguous()
    path = tmp_path / "changed.pth"
    torch.save(state, path)
    return path


@pytest.fixture
def tuned(tmp_path: Path) -> Path:
    """iris with another output layer, within DistributedDataParallel and torch.compile."""
    state = torch.load(IRIS)
    state["output.weight"] *= 1.5
    state["output.bias"] *= 1.01
    path = tmp_path / "tuned.safetensors"
    save_file({f"module._orig_mod.{name}": tensor for name, tensor in state.items()}, path)
    return path


def test_a_file_and_the_service_that_serves_it_are_identical(run: Run, server: Process) -> None:
    code, out = run("diff", IRIS, server.url)
    assert code == 0
    structure, last = out.splitlines()
    assert structure.startswith("structure ")
    assert last == "identical"


def test_what_moved_came_and_went_is_listed(run: Run, changed: Path) -> None:
    code, out = run("diff", IRIS, changed)
    assert code == 1
    structures, header, moved, frozen, removed, added, weight, bias = out.splitlines()
    assert structures.startswith("structures differ: A ")
    assert header.split() == [
        *("name", "changed", "share", "max", "|B-A|", "mean", "|B-A|", "|B-A|", "/", "|A|"),
        "cosine",
    ]
    norm = torch.load(IRIS)["hidden.weight"].double().norm().item()
    assert moved.split()[:6] == [
        *("hidden.weight", "1", "0.03125", "0.5", "0.015625", str(np.float32(0.5 / norm)))
    ]
    assert frozen == "frozen, 1 of 2 tensors: output.bias"
    assert removed == "only in A: hidden.bias [8] float32"
    assert added == "only in B: other.bias [8] float32"
    assert weight == "recast: output.weight [3, 8] float32 -> output.weight [8, 3] float32"
    assert bias == "recast: output.bias [3] float32 -> output.bias [3] float64"


def test_nothing_in_common(run: Run, tmp_path: Path) -> None:
    torch.save({"x": torch.ones(2)}, tmp_path / "a.pth")
    torch.save({"y": torch.ones(2)}, tmp_path / "b.pth")
    code, out = run("diff", tmp_path / "a.pth", tmp_path / "b.pth")
    assert code == 1
    assert out.splitlines()[1:] == ["only in A: x [2] float32", "only in B: y [2] float32"]


def test_for_programs(run: Run, changed: Path) -> None:
    code, out = run("diff", IRIS, changed, "--json")
    assert code == 1
    found = json.loads(out)
    assert found.items() >= asdict(compare_states(torch.load(IRIS), torch.load(changed))).items()
    assert len(set(found["fingerprints"])) == 2
    assert [module["name"] for module in found["modules"]] == ["hidden", "output"]


def test_trouble_is_told_from_a_difference(run: Run, tmp_path: Path) -> None:
    missing = f"stateserve: {tmp_path}/none.pth: No such file or directory\n"
    assert run("diff", IRIS, tmp_path / "none.pth") == (2, missing)
    code, out = run("diff", IRIS, IRIS, "--only", "x")
    assert (code, out.count("\n")) == (2, 1)
    assert "no tensor matches 'x'" in out


def test_what_wraps_the_network_is_left_out_and_frozen_layers_are_said(
    run: Run, tuned: Path
) -> None:
    code, out = run("diff", IRIS, tuned)
    assert code == 1
    note, structure, _, weight, bias, frozen = out.splitlines()
    assert note == "left out of the names of B: module._orig_mod."
    assert structure.startswith("structure ")
    # The largest change first.
    assert weight.split()[:3] == ["output.weight", "24", "1"]
    assert weight.split()[5] == "0.5"
    assert bias.split()[0] == "output.bias"
    assert frozen == "frozen, 2 of 4 tensors: hidden (2 tensors)"


def test_by_module(run: Run, tuned: Path) -> None:
    _, _, header, row, _ = run("diff", IRIS, tuned, "--by-module")[1].splitlines()
    assert header.split()[:3] == ["module", "changed", "tensors"]
    assert row.split()[:5] == ["output", "2", "of", "2", "1"]
    # Of the names without the prefix.
    assert run("diff", IRIS, tuned, "--only", "hidden")[0] == 0


@pytest.mark.parametrize(
    ("tolerance", "status", "last"),
    [
        ("0.51", 0, "within the tolerance of 0.51"),
        ("0.1", 1, "above the tolerance of 0.1: output.weight"),
    ],
)
def test_a_tolerance_for_ci(run: Run, tuned: Path, tolerance: str, status: int, last: str) -> None:
    code, out = run("diff", IRIS, tuned, "--tolerance", tolerance)
    assert (code, out.splitlines()[-1]) == (status, last)


def test_another_dtype_is_equal_within_a_tolerance(run: Run, tmp_path: Path) -> None:
    half = {name: tensor.bfloat16() for name, tensor in torch.load(IRIS).items()}
    torch.save(half, tmp_path / "half.pth")
    assert run("diff", IRIS, tmp_path / "half.pth")[0] == 1
    assert run("diff", IRIS, tmp_path / "half.pth", "--tolerance", 0.01)[0] == 0


def test_names_are_changed_before_the_comparison(run: Run, tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2)).state_dict()
    torch.save({"ema": net, "model": {k: t + 1 for k, t in net.items()}}, tmp_path / "a.pth")
    other = {name.replace("0.", "net.first."): tensor for name, tensor in net.items()}
    torch.save(other | {"net.x": torch.ones(1)}, tmp_path / "b.pth")
    arguments = [tmp_path / "a.pth", tmp_path / "b.pth", "--strip-prefix", "net"]
    arguments += ["--rename", "first=0", "--only", "0", "--only", "1"]
    assert run("diff", *arguments, "--key", "ema", "--key", "")[0] == 0
    assert run("diff", *arguments, "--key", "model", "--key", "")[0] == 1
    assert run("diff", tmp_path / "a.pth", tmp_path / "a.pth", "--key", "ema")[0] == 0
