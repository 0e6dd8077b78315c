"""The service runs with its dependencies alone, without the packages of any extra."""

import importlib.metadata
import sys
import tomllib
from pathlib import Path

import httpx
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.process import running_server
from tests.project import ROOT, SETOSA

OWN = {"app", "stateserve", "tests"}
# Its arguments: the modules that it hides, and `-m app serve ...`.
SCRIPT = """
import runpy
import sys
from importlib.machinery import PathFinder

_, hidden, _, module, *arguments = sys.argv

class Visible(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        known = name.partition(".")[0] not in hidden.split(",")
        return PathFinder.find_spec(name, path, target) if known else None

sys.meta_path[:] = [Visible if each is PathFinder else each for each in sys.meta_path]
sys.argv = [module, *arguments]
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def needed() -> set[str]:
    """The distributions that the dependencies of the project bring, without extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found: set[str] = set()
    wanted = [Requirement(each) for each in project["dependencies"]]
    while wanted:
        each = wanted.pop()
        name = canonicalize_name(each.name)
        if name not in found and (each.marker is None or each.marker.evaluate({"extra": ""})):
            found.add(name)
            wanted += map(Requirement, importlib.metadata.requires(name) or [])
    return found


def test_serving_needs_no_extra(tmp_path: Path) -> None:
    dependencies = needed()
    modules = importlib.metadata.packages_distributions()
    hidden = {
        module
        for module, names in modules.items()
        if module not in OWN and not dependencies & {canonicalize_name(name) for name in names}
    }
    assert {"httpx", "PIL", "pandas", "captum", "sqlalchemy"} <= hidden
    python = (sys.executable, "-c", SCRIPT, ",".join(hidden))
    with (
        running_server(tmp_path / "log", python=python) as server,
        httpx.Client(base_url=server.url) as client,
    ):
        answer = client.post("/predict", json={"instances": [SETOSA]})
        assert answer.json()["predictions"][0]["class"] == "setosa"
        assert client.post("/explain", json=SETOSA).status_code == 501
        for path in ("/", "/docs", "/openapi.json", "/state", "/model", "/metrics", "/v2"):
            assert client.get(path).status_code == 200, path
