"""`stateserve inspect`: what a file holds, and what is unusual in it."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from app.cli.inspection.bars import bars
from app.cli.inspection.tree_table import size
from stateserve.inspect.statistics import Histogram
from tests.app.cli.conftest import Run
from tests.project import IRIS


def test_inspect_prints_every_entry_and_the_totals(run: Run) -> None:
    code, out = run("inspect", IRIS, "--stats")
    assert code == 0
    for name, tensor in torch.load(IRIS).items():
        row = next(line for line in out.splitlines() if name in line)
        numbers = (
            tensor.min(),
            tensor.max(),
            tensor.double().mean(),
            tensor.double().std(correction=0),
        )
        shown = [str(np.float32(number.item())) for number in numbers]
        assert " ".join(shown) in " ".join(row.split())
        assert "parameter" in row
    assert "67 parameters, 0 buffers, 268 bytes" in out


@pytest.mark.parametrize(
    ("tensor", "shown"),
    [
        (torch.tensor([436.0, 1226718.0]), ["436", "1226718", "613577", "613141"]),
        (torch.full((2,), 16777216.0), ["16777216", "16777216", "16777216", "0"]),
        (torch.full((2,), 12345679), ["12345679", "12345679", "12345679", "0"]),
        (torch.full((2,), 0.1, dtype=torch.float64), ["0.1", "0.1", "0.1", "0"]),
        (torch.full((1,), 1e-162, dtype=torch.float64), ["1e-162", "1e-162", "1e-162", "0"]),
        (
            torch.tensor([1.0, 1 + 2**-40], dtype=torch.float64),
            ["1", *(repr(1 + 2.0**-n) for n in (40, 41)), repr(2.0**-41)],
        ),
    ],
)
def test_inspect_shows_all_digits_of_the_dtype(
    run: Run, tmp_path: Path, tensor: torch.Tensor, shown: list[str]
) -> None:
    torch.save({"x": tensor}, tmp_path / "x.pth")
    code, out = run("inspect", tmp_path / "x.pth", "--stats")
    assert code == 0
    row = next(line for line in out.splitlines() if line.startswith("x "))
    assert row.split()[-4:] == shown


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
    assert "conv" in out
    assert "weight [2, 3, 5, 5]" in out


def test_inspect_names_a_missing_file(run: Run, tmp_path: Path) -> None:
    code, _ = run("inspect", tmp_path / "none.pth")
    assert str(tmp_path / "none.pth") in str(code)
    assert "\n" not in str(code)


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A network of six equal layers with a tie, a NaN, a dead row and a constant."""
    torch.manual_seed(0)
    layers = [nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Linear(8, 4)) for _ in range(6)]
    state = nn.ModuleDict({"layers": nn.ModuleList(layers)}).state_dict()
    state["layers.1.0.bias"][5] = float("nan")
    state["layers.2.0.weight"][3] = 0
    state["layers.3.2.bias"].fill_(0.5)
    state["head.weight"] = state["layers.0.0.weight"]
    torch.save(state, tmp_path / "network.pth")
    return tmp_path / "network.pth"


def inspect_json(run: Run, *arguments: object) -> dict[str, Any]:
    code, out = run("inspect", *arguments, "--json")
    assert code == 0
    return json.loads(out)


def test_repeated_layers_are_one_branch(run: Run, network: Path) -> None:
    code, out = run("inspect", network)
    assert code == 0
    first, second = (" ".join(line.split()) for line in out.splitlines()[3:5])
    assert first == "layers.0 ... layers.5 (6 times) 36 tensors 552 2.21 kB float32"
    assert second == "0 weight [8, 4], bias [8] 40 each 160 B each float32"
    assert "37 tensors" in out
    assert " times)" not in run("inspect", network, "--all")[1]
    assert second.split()[1:3] not in [
        line.split()[1:3] for line in run("inspect", network, "--depth", "1")[1].splitlines()
    ]


def test_what_is_unusual_is_said(run: Run, network: Path) -> None:
    lines = run("inspect", network)[1].splitlines()
    assert "tied, one storage: layers.0.0.weight, head.weight" in lines
    assert "NaN: layers.1.0.bias: 1 element, the first at [5]" in lines
    assert "all zeros: layers.2.0.weight row 3" in lines
    assert "constant: layers.3.2.bias 0.5" in lines
    assert any(line.startswith("as torch initialises them: ") for line in lines)


def test_copies_are_told_from_ties(run: Run, tmp_path: Path) -> None:
    weight = torch.randn(3, 3)
    torch.save({"a": weight, "b": weight.clone(), "c": weight}, tmp_path / "x.pth")
    lines = run("inspect", tmp_path / "x.pth")[1].splitlines()
    assert "tied, one storage: a, c" in lines
    assert "equal, but not tied: a, b" in lines


def test_a_container_shows_its_states_and_everything_else(run: Run, tmp_path: Path) -> None:
    net = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(net.parameters())
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    states = {"model": net.state_dict(), "optimizer": optimizer.state_dict()}
    other = {"epoch": 3, "args": argparse.Namespace(lr=0.1)}
    torch.save(states | other, tmp_path / "x.ckpt")
    code, out = run("inspect", tmp_path / "x.ckpt")
    assert code == 0
    assert "  model: state: 2 tensors, 8 elements, 32 B" in out
    assert "Adam, AdamW, NAdam or RAdam: step (2), exp_avg (2), exp_avg_sq (2)" in out
    assert "  epoch: 3\n  args: argparse.Namespace()\n  args/lr: 0.1\n" in out
    assert "2 tensors at model, structure" in out
    assert (
        "6 tensors at optimizer, structure"
        in run("inspect", tmp_path / "x.ckpt", "--key", "optimizer")[1]
    )


def test_of_several_states_one_is_to_be_chosen(run: Run, tmp_path: Path) -> None:
    torch.save({"g": {"w": torch.ones(2)}, "d": {"w": torch.ones(3)}}, tmp_path / "gan.pth")
    code, out = run("inspect", tmp_path / "gan.pth")
    assert code == 0
    assert out.splitlines()[-1] == "several states: choose one with --key, such as --key g"
    assert inspect_json(run, tmp_path / "gan.pth")["values_read"] is False
    assert inspect_json(run, tmp_path / "gan.pth", "--key", "d")["totals"]["elements"] == 3


def test_only_the_tensors_of_a_pattern(run: Run, network: Path) -> None:
    names = [e["name"] for e in inspect_json(run, network, "--only", "*.2.bias")["entries"]]
    assert names == [f"layers.{layer}.2.bias" for layer in range(6)]
    code, _ = run("inspect", network, "--only", "head.wieght")
    assert code == (
        "stateserve: no tensor matches 'head.wieght'; the nearest name is 'head.weight'"
    )


def test_json_has_all_of_it(run: Run, network: Path) -> None:
    found = inspect_json(run, network, "--spectrum", "--histogram", "head")
    assert found["format"] == "torch.save archive"
    assert found["values_read"] is True
    assert found["ties"] == [["layers.0.0.weight", "head.weight"]]
    entry = found["entries"][0]
    weight = torch.load(network)["layers.0.0.weight"]
    assert entry["statistics"]["norm"] == pytest.approx(weight.norm().item())
    assert entry["initialisation"]["state"] == "as initialised"
    assert sum(found["histograms"]["head.weight"]["counts"]) == 32
    values = found["spectra"]["head.weight"]["singular_values"]
    assert values == pytest.approx(torch.linalg.svdvals(weight).tolist(), rel=1e-5)
    assert found["tree"]["children"][0]["times"] == 6


def test_a_spectrum_that_is_refused_says_why(run: Run, tmp_path: Path) -> None:
    save_file({"w": torch.tensor([[1.0, float("nan")], [0, 1]])}, tmp_path / "x.safetensors")
    code, out = run("inspect", tmp_path / "x.safetensors", "--spectrum")
    assert code == 0
    assert "no singular values: elements are NaN or infinite" in out


def test_a_histogram_in_the_terminal(run: Run, tmp_path: Path) -> None:
    torch.save({"w": torch.tensor([0.0, 1, 1, 20])}, tmp_path / "x.pth")
    code, out = run("inspect", tmp_path / "x.pth", "--histogram", "w")
    assert code == 0
    assert "0 to  1  █████████████████████████                           1" in out
    assert "1 to  2  ██████████████████████████████████████████████████  2" in out


def test_bars_are_ascii_where_the_terminal_has_no_blocks() -> None:
    histogram = Histogram([1, 0, 1000], [0, 1, 2, 3])
    assert [line.split()[3:] for line in bars(histogram, "ascii")] == [
        ["#", "1"],
        ["0"],
        ["#" * 50, "1000"],
    ]
    assert "▏" in next(bars(histogram, "utf-8"))


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (999_700, "1 MB"), (8589934592, "8.59 GB")],
)
def test_sizes_have_three_digits(number: int, text: str) -> None:
    assert size(number) == text
