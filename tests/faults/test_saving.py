"""A full or failing disk: the old files stay whole, no other files are left, status 1."""

import platform
import subprocess
from pathlib import Path

import pytest

from stateserve.model.checkpoint import load_checkpoint
from tests.checkpoints import save_model
from tests.faults.refused import NUMBERS
from tests.process import forked
from tests.project import IRIS, ROOT
from tests.restricted import skip_without

TRAINING = ["training", "--seeds", "0", "--epochs", "1", "--name", "model", "--output"]


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(forked(*command), capture_output=True, text=True, cwd=ROOT, timeout=120)


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "filler"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A folder that holds a checkpoint and its card, model.pth and model.json."""
    return save_model(tmp_path / "old" / "model.pth").parent


def commands(folder: Path) -> dict[str, list[str]]:
    return {
        "convert": ["stateserve", "convert", str(IRIS), str(folder / "model.pth")],
        "train": [*TRAINING, str(folder)],
    }


def require_refused(done: subprocess.CompletedProcess[str], reason: str) -> None:
    assert done.returncode == 1, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].endswith(reason)


@pytest.mark.parametrize("name", ["convert", "train"])
def test_a_full_disk(tmp_path: Path, old: Path, name: str) -> None:
    skip_without("mount")
    disk, result = tmp_path / "disk", tmp_path / "result"
    disk.mkdir()
    result.mkdir()
    before = contents(old)
    # 8 KiB are enough for the state, but not for the card.
    done = run(
        "tests.restricted", "full_disk", disk, 8192, old, result, "--", *commands(disk)[name]
    )
    require_refused(done, "No space left on device")
    assert contents(result) == before


@pytest.mark.skipif(platform.machine() not in NUMBERS, reason="its system calls are not known here")
@pytest.mark.parametrize(
    ("call", "error"), [("fsync", "EIO"), ("fsync", "ENOSPC"), ("rename", "EROFS")]
)
def test_a_call_that_the_kernel_refuses(old: Path, call: str, error: str) -> None:
    before = contents(old)
    done = run("tests.restricted", "refuse", call, error, "--", *commands(old)["convert"])
    reasons = {"EIO": "Input/output error", "ENOSPC": "No space left on device"}
    require_refused(done, reasons.get(error, "Read-only file system"))
    assert contents(old) == before


def test_with_nothing_in_the_way_both_are_written(old: Path) -> None:
    """So the command above fails only because of the fault."""
    before = contents(old)
    done = run(*commands(old)["convert"])
    assert done.returncode == 0, done.stderr
    after = contents(old)
    assert after.keys() == before.keys()
    assert all(after[name] != content for name, content in before.items())
    load_checkpoint(old / "model.pth")
