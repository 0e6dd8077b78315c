"""Reads the manifests in deploy/ and their settings for the service."""

from pathlib import Path
from typing import Any

import yaml

from app.settings.settings import PREFIX, Settings
from tests.project import ROOT

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
Manifest = dict[str, Any]


def read(path: Path) -> Manifest:
    """The only document of a file."""
    (document,) = yaml.safe_load_all(path.read_text())
    return document


def resources() -> list[Manifest]:
    names = read(KUBERNETES / "kustomization.yaml")["resources"]
    assert sorted(names) == sorted(
        path.name for path in KUBERNETES.glob("*.yaml") if path.name != "kustomization.yaml"
    )
    return [read(KUBERNETES / name) for name in names]


def of_kind(kind: str) -> Manifest:
    (found,) = [each for each in resources() if each["kind"] == kind]
    return found


def image_variables() -> dict[str, str]:
    """The STATESERVE_* variables of the Dockerfile."""
    lines = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    words = [word for line in lines if line.startswith("ENV ") for word in line.split()[1:]]
    pairs = (word.split("=", 1) for word in words)
    return {name: value for name, value in pairs if name.startswith(PREFIX)}


def settings_of(container: Manifest) -> Settings:
    """The settings of a container: the image's variables, then the manifest's."""
    given = {entry["name"]: entry["value"] for entry in container["env"]}
    own = {name: value for name, value in given.items() if name.startswith(PREFIX)}
    whole = image_variables() | own
    # Unknown names are refused.
    return Settings(**{name.removeprefix(PREFIX).lower(): whole[name] for name in whole})
