"""Looking at a checkpoint imports no torch, in the library and in the commands."""

import subprocess
import sys
from pathlib import Path

from tests.project import IRIS, ROOT

COMMANDS = """
import sys
import stateserve.checkpoint, stateserve.inspect
for package in (stateserve.checkpoint, stateserve.inspect):
    for name in package.__getattr__.__closure__[0].cell_contents:
        getattr(package, name)
from app.cli import main
iris, target = sys.argv[1:]
for arguments in (["inspect", iris], ["convert", iris, target], ["diff", iris, target]):
    sys.argv = ["stateserve", *arguments]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, ended.code
assert "torch" not in sys.modules
"""


def test_torch_is_not_imported(tmp_path: Path) -> None:
    target = tmp_path / "iris.safetensors"
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, IRIS, target], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("identical\n")
