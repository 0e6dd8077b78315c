"""A service that requires keys, and a key for each scope."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.api.auth.keys import Scope
from app.settings.settings import Settings
from tests.keys import write_keys
from tests.project import IRIS
from tests.service import open_client


@pytest.fixture
def keys(tmp_path: Path) -> dict[Scope, str]:
    return write_keys(tmp_path / "keys.toml")


@pytest.fixture
async def guarded(keys: dict[Scope, str], tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    # Two versions, because canary and shadow have additional routes.
    for version in ("1", "2"):
        folder = tmp_path / "models" / "iris-model" / version
        folder.mkdir(parents=True)
        for path in (IRIS, IRIS.with_suffix(".json")):
            shutil.copy(path, folder)
    options = {"models": tmp_path / "models", "model": "iris-model", "hot_reload": False}
    options |= {"version_policy": "all", "shadow": "iris-model:1"}
    async with open_client(Settings(api_keys=tmp_path / "keys.toml", **options)) as client:
        yield client
