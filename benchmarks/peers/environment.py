"""The virtual environment of each contender, installed once and reused until its pins change."""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.peers.contender import VENVS, Contender

INSTALL_SECONDS = 1200
PREPARE_SECONDS = 120
PINS = ("requirements.txt", "constraints.txt", "pyproject.toml")


class InstallFailed(Exception):
    """pip, or the step that builds the server's own form of the model, did not succeed."""


def install(contender: Contender) -> None:
    """Bring the contender's environment up to date. Raises InstallFailed."""
    venv, marker = contender.venv, contender.venv / ".installed"
    if not contender.pip:
        return
    wanted = _fingerprint(contender)
    if not marker.exists() or marker.read_text() != wanted:
        shutil.rmtree(venv, ignore_errors=True)
        _run(contender, [sys.executable, "-m", "venv", str(venv)], {}, INSTALL_SECONDS)
        pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", *contender.pip]
        _run(contender, pip, {}, INSTALL_SECONDS)
        marker.write_text(wanted)


def prepare(contender: Contender) -> None:
    """Build the server's own form of the model, if it has one. Raises InstallFailed."""
    if contender.prepare:
        built = contender.venv / "built"
        shutil.rmtree(built, ignore_errors=True)
        built.mkdir()
        command = shlex.split(contender.fill(contender.prepare))
        _run(contender, command, contender.common_variables(), PREPARE_SECONDS)


def install_bytes(contender: Contender) -> int | None:
    """The disk space of the environment's packages, including pip."""
    if not contender.pip:
        return None
    files = (Path(folder, name) for folder, _, names in os.walk(contender.venv) for name in names)
    return sum(file.lstat().st_blocks * 512 for file in files)


def _fingerprint(contender: Contender) -> str:
    pins = (contender.folder / name for name in PINS)
    content = b"".join(path.read_bytes() for path in pins if path.exists())
    return hashlib.sha256(content + " ".join(contender.pip).encode()).hexdigest()


def _run(
    contender: Contender, command: list[str], environment: dict[str, str], seconds: int
) -> None:
    VENVS.mkdir(exist_ok=True)
    try:
        subprocess.run(
            command,
            cwd=contender.folder,
            env=os.environ | environment,
            check=True,
            timeout=seconds,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except subprocess.CalledProcessError as error:
        raise InstallFailed("\n".join(error.stdout.strip().splitlines()[-5:])) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallFailed(str(error)) from None
