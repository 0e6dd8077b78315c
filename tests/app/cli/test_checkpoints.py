"""The commands that show or rewrite a checkpoint."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from stateserve.model.architectures.multiclass import Multiclass
from tests.app.cli.conftest import Run
from tests.process import Process
from tests.project import IRIS


def test_state_prints_every_entry_and_the_totals(run: Run) -> None:
    code, out = run("state", IRIS)
    assert code == 0
    for name, tensor in torch.load(IRIS).items():
        row = next(line for line in out.splitlines() if name in line)
        numbers = (
            tensor.min(),
            tensor.max(),
            tensor.double().mean(),
            tensor.double().std(correction=0),
        )
        assert row.split()[-4:] == [str(np.float32(number.item())) for number in numbers]
        assert "parameter" in row
    assert "67 parameters, 0 buffers, 268 bytes" in out


def test_state_of_a_service_is_that_of_its_file(run: Run, server: Process) -> None:
    code, out = run("state", server.url)
    assert code == 0
    assert run("state", IRIS) == (0, out)
    assert "67 parameters" in out
    assert run("state", server.url, "--json") == run("state", IRIS, "--json")


def test_state_is_that_of_the_settings_unless_told(
    run: Run, monkeypatch: pytest.MonkeyPatch, write_model: Callable[..., Path]
) -> None:
    monkeypatch.setenv("STATESERVE_MODEL", str(write_model(module=Multiclass(2, 3, 4).eval())))
    code, out = run("state")
    assert code == 0
    assert "[3, 2]" in out


def test_state_prints_one_tensors_values(run: Run, server: Process) -> None:
    weight = torch.load(IRIS)["hidden.weight"].numpy()
    assert run("state", server.url, "--tensor", "hidden.weight") == (0, f"{weight}\n")
    code, out = run("state", IRIS, "--tensor", "hidden.weight", "--slice", "0:2,1", "--json")
    values = weight[0:2, 1].tolist()
    expected = {"name": "hidden.weight", "shape": [2], "values": values}
    assert (code, json.loads(out)) == (0, expected)


def test_state_prints_values_that_numpy_or_json_lack(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "odd.safetensors"
    save_file({"x": torch.tensor([1.5, float("nan")], dtype=torch.bfloat16)}, file)
    code, out = run("state", file, "--tensor", "x", "--json")
    assert code == 0
    assert json.loads(out)["values"] == [1.5, None]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--tensor", "hiden"], "no tensor 'hiden' in the state; it has hidden.weight, "),
        (["--tensor", "hidden.bias", "--slice", "8"], "slice '8' of a tensor of shape [8]: "),
    ],
)
def test_state_names_what_is_not_there(run: Run, arguments: list[str], reason: str) -> None:
    code, _ = run("state", IRIS, *arguments)
    assert str(code).startswith(f"stateserve: {reason}")
    assert "\n" not in str(code)


def test_a_slice_goes_with_a_tensor(run: Run) -> None:
    code, out = run("state", IRIS, "--slice", "0")
    assert code == 2
    assert "--slice goes with --tensor" in out


def test_a_service_that_is_not_there_is_one_line(run: Run) -> None:
    code, _ = run("state", "http://127.0.0.1:9")
    refused = "stateserve: http://127.0.0.1:9/state.safetensors: [Errno 111] Connection refused; "
    assert str(code).startswith(refused)
    assert "\n" not in str(code)


def test_names_are_printed_as_they_are(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "odd.safetensors"
    name = "[bold]:dog:" + "x" * 200
    save_file({name: torch.zeros(1)}, file)
    assert name in run("state", file)[1]
