"""After any failed write the old file is whole, and no temporary file is left."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stateserve.checkpoint.atomic_write import write_atomically
from tests.project import ROOT


@pytest.fixture
def old(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(b"old")
    return file


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_both_files_are_written_for_those_whom_the_umask_lets_read(
    tmp_path: Path, umask: int, mode: int
) -> None:
    first, second = tmp_path / "new" / "first", tmp_path / "second"
    before = os.umask(umask)
    try:
        write_atomically({first: b"1", second: b"2"})
    finally:
        os.umask(before)
    assert (first.read_bytes(), second.read_bytes()) == (b"1", b"2")
    assert first.stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failing_system_call(old: Path, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomically({old: b"new"})
    assert [path.name for path in old.parent.iterdir()] == ["file"]
    assert old.read_bytes() == b"old"


@pytest.mark.parametrize("name", ["folder", "/proc/file"])
def test_an_error_names_the_file_that_was_asked_for(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r"^\[Errno \d+\] [\w ]+: '[^']+'$") as error:
        write_atomically({tmp_path / name: b""})
    assert error.value.filename == str(tmp_path / name)


# In another process, because the limit would also apply to pytest's output.
SMALL_DISK = """
import resource, signal, sys
from pathlib import Path
from stateserve.checkpoint.atomic_write import write_atomically
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
folder = Path(sys.argv[1])
write_atomically({folder / "small": b"1", folder / "file": bytes(8192)})
"""


def test_a_write_that_the_kernel_cuts_short(old: Path) -> None:
    command = [sys.executable, "-c", SMALL_DISK, str(old.parent)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert result.returncode == 1
    assert "File too large" in result.stderr
    assert [path.name for path in old.parent.iterdir()] == ["file"]
    assert old.read_bytes() == b"old"
