"""The commands about the service: settings, serve."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from app import __version__
from app.settings.settings import Settings
from tests.app.cli.conftest import Run
from tests.process import forked
from tests.project import ROOT

# As the installed command.
COMMAND = "import sys; sys.argv[0] = 'stateserve'; from app.cli import main; main()"


def test_settings_are_listed_with_the_value_in_force(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATESERVE_PORT", "9001")
    code, out = run("settings")
    assert code == 0
    assert next(line for line in out.splitlines() if "STATESERVE_PORT" in line).split()[1] == "9001"


def test_serve_help_lists_every_option() -> None:
    # In another process: `serve` sets signal handlers and log handlers.
    command = forked("app", "serve", "--help")
    result = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True)
    assert "--port" in result.stdout
    assert "--model" in result.stdout


def test_settings_for_programs(run: Run) -> None:
    code, out = run("settings", "--json")
    assert code == 0
    rows = json.loads(out)
    assert len(rows) == len(Settings.model_fields)
    assert {
        "variable": "STATESERVE_PORT",
        "value": "8000",
        "meaning": "port to listen on; 0 picks one",
    } in rows


def test_looking_around_needs_neither_torch_nor_fastapi() -> None:
    script = (
        "import sys; sys.argv = ['stateserve', 'settings']; from app.cli import main\n"
        "try: main()\n"
        "except SystemExit: sys.exit(str({'torch', 'fastapi', 'httpx'} & sys.modules.keys()))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], check=False, cwd=ROOT, capture_output=True, text=True
    )
    assert result.stderr == "set()\n"


def test_the_version_is_told(run: Run) -> None:
    assert run("--version") == (0, f"stateserve {__version__}\n")


def test_shells_complete_the_commands() -> None:
    environment = {"_STATESERVE_COMPLETE": "complete_bash", "COMP_WORDS": "stateserve se"}
    result = subprocess.run(
        [sys.executable, "-c", COMMAND],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | environment | {"COMP_CWORD": "1"},
    )
    assert result.stdout.split() == ["serve", "settings"], result.stderr


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("serve", "models/a b.pth"), "serve --model 'models/a b.pth'?"),
        (("serve", "models"), "serve --models models?"),
        (("state", "a.pth", "x.weight"), "state FILE --tensor x.weight?"),
    ],
)
def test_an_argument_too_many_names_its_option(arguments: tuple[str, ...], wanted: str) -> None:
    command = forked("stateserve", *arguments)
    result = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 2
    assert f"did you mean stateserve {wanted}" in result.stderr


def test_train_is_the_training_script(tmp_path: Path) -> None:
    options = ("--epochs", "1", "--seeds", "0", "--output", str(tmp_path))
    subprocess.run(
        forked("stateserve", "train", *options), check=True, cwd=ROOT, capture_output=True
    )
    assert {path.suffix for path in tmp_path.iterdir()} >= {".pth", ".json"}


def test_looking_at_a_file_needs_no_pydantic(tmp_path: Path) -> None:
    """Typer, the card and the settings need it; importing it takes as long as the command."""
    script = (
        "import sys; from app.cli import main\n"
        "for line in sys.argv[1:]:\n"
        "    sys.argv = ['stateserve', *line.split()]\n"
        "    try: main()\n"
        "    except SystemExit as ended: assert ended.code == 0, line\n"
        "    assert 'pydantic' not in sys.modules, line"
    )
    file = tmp_path / "a.pth"
    torch.save({"w": torch.ones(2)}, file)
    commands = [f"inspect {file}", f"diff {file} {file}", f"convert {file} {tmp_path}/b.npz"]
    subprocess.run([sys.executable, "-c", script, *commands], cwd=ROOT, check=True)


def test_ctrl_c_while_the_command_is_imported_ends_it_without_a_word() -> None:
    script = (
        "import os, signal, sys\n"
        # A shell starts a process in the background with SIGINT ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "class Interrupt:\n"
        "    def find_spec(name, *_):\n"
        "        if name == 'typer': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt)\n"
        "from app.cli import main; sys.argv = ['stateserve', 'settings']; main()"
    )
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "")
