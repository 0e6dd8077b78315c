"""The build context of the image is enough to serve. Needs no container engine."""

import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest
from docker.utils import exclude_paths

from app import __version__
from tests import rest
from tests.process import running_server
from tests.project import IRIS, ROOT, SETOSA


def context(root: Path) -> set[Path]:
    """The files under `root` that .dockerignore does not exclude, as relative paths."""
    patterns = (ROOT / ".dockerignore").read_text().splitlines()
    paths = exclude_paths(str(root), patterns)
    return {Path(path) for path in paths if (root / path).is_file()}


def test_nothing_but_the_service_is_sent(tmp_path: Path) -> None:
    wanted = {"app/api/app.py", "app/page/page.css", "models/own.safetensors", "models/own.json"}
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
    command = ["git", "ls-files", "app", "stateserve", "models"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    tracked = {Path(name) for name in listed.splitlines()}
    assert Path("app/api/app.py") in tracked
    assert {path for path in tracked - context(ROOT) if path.parts[1] != "plots"} == set()


def test_what_the_dockerfile_copies_is_sent() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copies = [line.split()[1:-1] for line in lines if line.startswith("COPY ")]
    sources = {Path(source) for copy in copies if "--from=build" not in copy for source in copy}
    assert {Path("app"), Path("stateserve")} <= sources
    for source in sources:
        assert any(path.is_relative_to(source) for path in context(ROOT)), source


def packages(folder: Path) -> Path:
    """The packages that serving needs: those of the image without its extra, `images`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locks = "".join((ROOT / f"{name}.lock").read_text() for name in ("requirements", "torch"))
    needed = set(map(normalised, re.findall(r"^([\w.-]+)==", locks, re.MULTILINE)))
    needed -= set(map(normalised, project["optional-dependencies"]["images"]))
    purelib = Path(sysconfig.get_path("purelib"))
    for installed in distributions(path=[str(purelib)]):
        if normalised(installed.name) in needed:
            for name in {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}:
                (folder / name).symlink_to(purelib / name)
    return folder


def normalised(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_what_is_sent_serves_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image, site = tmp_path / "srv", tmp_path / "site"
    for path in context(ROOT):
        if path.parts[0] in ("app", "stateserve", "models"):
            (image / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, image / path)
    site.mkdir()
    # -S, because an editable install would find files that the image lacks.
    monkeypatch.setenv("PYTHONPATH", str(packages(site)))
    with running_server(tmp_path / "log", python=(sys.executable, "-S"), cwd=image) as server:
        answer = rest.post(f"{server.url}/predict", json=SETOSA).json()
        assert (answer["class"], answer["model"]["name"]) == ("setosa", IRIS.stem)
        assert rest.get(f"{server.url}/v2").json()["version"] == __version__
        for method, path, body in endpoints(server.url):
            found = rest.request(method, server.url + path, json=body, timeout=60)
            # 501: without the extras there is no prediction log and no explanation.
            assert found.status_code in (200, 501), (path, found.text)
        assert server.stop() == 0


def endpoints(url: str) -> Iterator[tuple[str, str, object]]:
    """Each GET path of the OpenAPI, and a request for each other endpoint."""
    names = {"model": IRIS.stem, "version": "1", "name": "hidden.weight"}
    for path, operations in rest.get(f"{url}/openapi.json").json()["paths"].items():
        if "get" in operations:
            query = "?from=1&to=1" if path.endswith("/diff") else ""
            yield "GET", path.format_map(names) + query, None
    yield from (("GET", path, None) for path in ("/", "/docs", "/docs/swagger-ui.css"))
    for prefix in ("", f"/models/{IRIS.stem}"):
        yield "POST", f"{prefix}/predict", {"instances": [SETOSA]}
        yield "POST", f"{prefix}/explain", SETOSA
    name = rest.get(f"{url}/v2/models/{IRIS.stem}").json()["inputs"][0]["name"]
    tensor = {"name": name, "shape": [1, 4], "datatype": "FP32", "data": [5.1, 3.5, 1.4, 0.2]}
    yield "POST", f"/v2/models/{IRIS.stem}/infer", {"inputs": [tensor]}
    yield "POST", "/v2/repository/index", {}
