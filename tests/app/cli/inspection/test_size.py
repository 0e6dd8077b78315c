"""Files that are larger than the memory that a command may take."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.app.cli.conftest import Run
from tests.memory import SPARE, peak_growth

SIDE, LAYERS = 8192, 32
LARGE = 4 * SIDE**2 * LAYERS
# A float32 tensor of 32 MiB: more than a command may take.
STATE = {"a": torch.ones(3), "b": torch.linspace(-1, 1, 2**23)}


def write_safetensors(path: Path) -> None:
    """LARGE bytes of zeros that take no space on the disk."""
    size = LARGE // LAYERS
    header = {
        f"layers.{at}.weight": {
            "dtype": "F32",
            "shape": [SIDE, SIDE],
            "data_offsets": [at * size, (at + 1) * size],
        }
        for at in range(LAYERS)
    }
    encoded = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(encoded).to_bytes(8, "little") + encoded)
        file.truncate(8 + len(encoded) + LARGE)


def write_archive(path: Path) -> None:
    """The same by torch.save, whose memory is never touched."""
    state = {f"layers.{at}.weight": torch.empty(SIDE, SIDE) for at in range(LAYERS)}
    with torch.serialization.skip_data():
        torch.save(state, path)


@pytest.mark.parametrize("write", [write_safetensors, write_archive])
def test_of_a_large_file_only_the_headers_are_read(
    run: Run, tmp_path: Path, write: Callable[[Path], None]
) -> None:
    path = tmp_path / "large"
    write(path)
    assert path.stat().st_size > LARGE
    outputs = []
    grown = peak_growth(
        lambda: outputs.extend((run("inspect", path, "--json"), run("inspect", path)))
    )
    assert grown < SPARE
    found = json.loads(outputs[0][1])
    assert found["totals"]["bytes"] == LARGE
    assert found["values_read"] is False
    assert found["entries"][0]["statistics"] is None
    assert "values not read, --stats reads them" in outputs[1][1]


@pytest.mark.parametrize("arguments", [["inspect", "--stats", "x.pth"], ["diff", "x.pth", "y.pth"]])
def test_values_are_read_in_parts(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(STATE, "x.pth")
    torch.save({**STATE, "b": STATE["b"] * 2}, "y.pth")
    run("inspect", "--stats", "x.pth", "--only", "a")
    outputs = []
    assert peak_growth(lambda: outputs.append(run(*arguments))) < SPARE
    code, out = outputs[0]
    assert (code, "8388608" in out) == (arguments[0] == "diff", True)


def test_a_tensor_with_very_many_names_is_not_read_for_each(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "tied.pth"
    weight = torch.ones(2**18)
    # 400 MB, of a file of 1 MB.
    torch.save({f"layers.{at}.weight": weight for at in range(400)}, path)
    for arguments in (["inspect", "--stats", path], ["diff", path, path]):
        code, out = run(*arguments)
        assert (code, "400 tensors" in out or "identical" in out) == (0, True)


def test_different_tensors_of_the_same_bytes_are_not_read(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "views.pth"
    weight = torch.ones(2**18)
    torch.save({f"layers.{at}.weight": weight[at:] for at in range(400)}, path)
    code, out = run("inspect", path)
    assert code == 0
    assert "values not read" in out
    for arguments in (["inspect", "--stats", path], ["diff", path, path]):
        code, out = run(*arguments)
        assert "takes more than 32 times the file's bytes" in f"{code}{out}"
