"""What a container engine would be sent, and whether that alone serves. No engine is needed."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import httpx
import pytest
from docker.utils import exclude_paths

from tests.conftest import IRIS, ROOT, SETOSA, running_server


def context(root: Path) -> set[Path]:
    """The files under `root` that .dockerignore lets through, relative to it."""
    patterns = (ROOT / ".dockerignore").read_text().splitlines()
    paths = exclude_paths(str(root), patterns)
    return {Path(path) for path in paths if (root / path).is_file()}


def test_nothing_but_the_service_is_sent(tmp_path: Path) -> None:
    wanted = {"app/main.py", "app/page/page.css", "models/own.safetensors", "models/own.json"}
    wanted |= {"torch.lock", "requirements.lock"}
    unwanted = {".env", ".git/config", ".venv/bin/python", "training/fit.py", "tests/test_fit.py"}
    unwanted |= {"pyproject.toml", "constraints.txt", "README.md", "build/sbom.json", ".ci/run"}
    unwanted |= {
        "app/.env",
        "app/api/key.pem",
        "models/.netrc",
        "models/id_rsa",
        "models/a/.git/HEAD",
    }
    unwanted |= {"app/__pycache__/main.cpython-311.pyc", "app/api/__pycache__/a.pyc", "a/app/b.py"}
    unwanted |= {"models/plots/own-loss.png", "examples/models/full.pickle"}
    for name in wanted | unwanted:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert context(tmp_path) == set(map(Path, wanted))


def test_all_of_the_service_that_is_in_the_repository_is_sent() -> None:
    command = ["git", "ls-files", "app", "models"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    tracked = {Path(name) for name in listed.splitlines()}
    assert Path("app/main.py") in tracked
    assert {path for path in tracked - context(ROOT) if path.parts[1] != "plots"} == set()


def test_what_the_dockerfile_copies_is_sent() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copies = [line.split()[1:-1] for line in lines if line.startswith("COPY ")]
    sources = {Path(source) for copy in copies if "--from=build" not in copy for source in copy}
    assert Path("app") in sources
    for source in sources:
        assert any(path.is_relative_to(source) for path in context(ROOT)), source


def test_what_is_sent_serves_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = tmp_path / "srv"
    for path in context(ROOT):
        if path.parts[0] in ("app", "models"):
            (image / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, image / path)
    # -S: an editable install would find in the checkout what the image lacks.
    monkeypatch.setenv("PYTHONPATH", sysconfig.get_path("purelib"))
    with running_server(tmp_path / "log", python=(sys.executable, "-S"), cwd=image) as server:
        answer = httpx.post(f"{server.url}/predict", json=SETOSA).json()
        assert (answer["class"], answer["model"]["name"]) == ("setosa", IRIS.stem)
        assert server.stop() == 0
