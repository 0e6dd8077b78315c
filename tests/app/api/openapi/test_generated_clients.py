"""Clients that openapi-python-client and openapi-typescript generate from the document, called."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.process import Process
from tests.project import ROOT

PROGRAMS = ROOT / "tests" / "clients" / "openapi"
# make test puts them there.
PYTHON_PACKAGES = Path(sys.prefix) / "openapi-clients"
NODE_PROGRAMS = PROGRAMS / "node_modules" / ".bin"
ANSWERS = {
    "class": "setosa",
    "classes": ["setosa", "setosa"],
    "default": "iris-model",
}


def output(*command: str | Path, **environment: str) -> str:
    result = subprocess.run(
        command, check=False, capture_output=True, text=True, env=os.environ | environment
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_a_generated_python_client(server: Process, tmp_path: Path) -> None:
    if not PYTHON_PACKAGES.is_dir():
        pytest.skip("make .venv/openapi-clients")
    place = tmp_path / "generated"
    generate = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    generate += ["--url", f"{server.url}/openapi.json", "--config", str(PROGRAMS / "config.yml")]
    printed = output(*generate, "--output-path", place, PYTHONPATH=str(PYTHON_PACKAGES))
    assert "WARNING" not in printed, printed
    packages = f"{tmp_path}{os.pathsep}{PYTHON_PACKAGES}"
    found = json.loads(
        output(sys.executable, PROGRAMS / "call.py", server.url, PYTHONPATH=packages)
    )
    assert found.pop("problem") == "/petal_width: a string where a finite number belongs"
    assert found == ANSWERS


def test_a_generated_typescript_client(server: Process, tmp_path: Path) -> None:
    if not shutil.which("node") or not NODE_PROGRAMS.is_dir():
        pytest.skip("npm ci --prefix tests/clients/openapi")
    for name in ("package.json", "call.ts"):
        shutil.copy(PROGRAMS / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(NODE_PROGRAMS.parent)
    document = f"{server.url}/openapi.json"
    output(NODE_PROGRAMS / "openapi-typescript", document, "--output", tmp_path / "api.ts")
    options = ["--strict", "--module", "nodenext", "--target", "es2022", "--skipLibCheck"]
    output(NODE_PROGRAMS / "tsc", *options, tmp_path / "call.ts")
    found = json.loads(output("node", tmp_path / "call.js", server.url))
    assert found.pop("problem").startswith("/sepal_width: missing; a finite number is needed")
    assert found == ANSWERS
