"""requirements.lock and torch.lock: the packages of the image, with their hashes."""

import re
import tomllib
from importlib.metadata import requires
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.project import ROOT

HASH = r" \\\n    --hash=sha256:[0-9a-f]{64}"
PIN = re.compile(rf"^([\w.-]+)==([\w.]+)(?: ; [^\\\n]+)?(?:{HASH})+$", re.M)


def pins(name: str) -> dict[str, str]:
    """The version by name; each line of the file is a pin, a hash of it, or a comment."""
    text = re.sub(r"^ *#.*\n", "", (ROOT / name).read_text(), flags=re.M)
    found = {canonicalize_name(name): version for name, version in PIN.findall(text)}
    assert PIN.sub("", text).strip() == ""
    return found


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {canonicalize_name(name): version for name, version in (x.split("==") for x in lines)}


def needed(requirements: list[str], extras: frozenset[str] = frozenset()) -> set[str]:
    """The packages of `requirements`, as a package with `extras` has them, and all theirs."""
    found: set[str] = set()
    for requirement in map(Requirement, requirements):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            found.add(canonicalize_name(requirement.name))
            theirs = requires(requirement.name) or []
            found |= needed(theirs, frozenset(requirement.extras))
    return found


def test_all_that_serving_needs_is_locked_and_no_more() -> None:
    declared = project()["dependencies"] + project()["optional-dependencies"]["images"]
    assert pins("requirements.lock").keys() | {"torch"} == needed(declared)
    assert pins("torch.lock").keys() == {"torch"}


def test_the_locks_pin_what_the_constraints_pin() -> None:
    known = constraints()
    for name, version in (pins("requirements.lock") | pins("torch.lock")).items():
        assert known[name] == version, name


def test_only_the_constraints_pin_exact_versions() -> None:
    declared = [project()["dependencies"], *project()["optional-dependencies"].values()]
    assert not [
        line for lines in declared for line in lines if "==" in str(Requirement(line).specifier)
    ]
    # So that `make sbom` finds the line to replace by the version.
    assert project()["dynamic"] == ["version"]


def test_the_image_takes_nothing_without_a_hash() -> None:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    installs = re.findall(r"pip --python /venv install[^&\n]*", text)
    assert len(installs) == 2
    for install, name in zip(installs, ("torch.lock", "requirements.lock"), strict=True):
        assert "--require-hashes" in install
        assert f"--requirement {name}" in install
