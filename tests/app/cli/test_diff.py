"""`stateserve diff`, between files and services."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from stateserve.inspect.difference import compare_states
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


def test_a_file_and_the_service_that_serves_it_are_identical(run: Run, server: Process) -> None:
    code, out = run("diff", IRIS, server.url)
    assert code == 0
    assert out.splitlines()[-1] == "identical"
    assert "hidden.weight" in out


def test_what_moved_came_and_went_is_listed(run: Run, changed: Path) -> None:
    code, out = run("diff", IRIS, changed)
    assert code == 0
    header, moved, *_, removed, added, weight, bias = out.splitlines()
    assert header.split() == [
        *("name", "changed", "max", "|B-A|", "mean", "|B-A|", "|B-A|", "/", "|A|", "cosine")
    ]
    norm = torch.load(IRIS)["hidden.weight"].double().norm().item()
    assert moved.split()[:5] == [
        *("hidden.weight", "1", "0.5", "0.015625", str(np.float32(0.5 / norm)))
    ]
    assert removed == "only in A: hidden.bias [8] float32"
    assert added == "only in B: other.bias [8] float32"
    assert weight == "recast: output.weight [3, 8] float32 -> output.weight [8, 3] float32"
    assert bias == "recast: output.bias [3] float32 -> output.bias [3] float64"


def test_nothing_in_common(run: Run, tmp_path: Path) -> None:
    torch.save({"x": torch.ones(2)}, tmp_path / "a.pth")
    torch.save({"y": torch.ones(2)}, tmp_path / "b.pth")
    code, out = run("diff", tmp_path / "a.pth", tmp_path / "b.pth")
    assert (code, out) == (0, "only in A: x [2] float32\nonly in B: y [2] float32\n")


def test_for_programs(run: Run, changed: Path) -> None:
    code, out = run("diff", IRIS, changed, "--json")
    assert code == 0
    assert json.loads(out) == asdict(compare_states(torch.load(IRIS), torch.load(changed)))


def test_a_missing_file_is_named(run: Run, tmp_path: Path) -> None:
    code, _ = run("diff", IRIS, tmp_path / "none.pth")
    assert code == f"stateserve: {tmp_path}/none.pth: No such file or directory"
