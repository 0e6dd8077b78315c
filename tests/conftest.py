"""Fixtures: the real application in memory, a real server process, and fresh checkpoints.

A fixture imports its modules itself, so that tests of small modules import no others.
"""

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis.internal.conjecture import providers

from tests.process import Process, running_server
from tests.project import IRIS

if TYPE_CHECKING:
    from stateserve.model.architectures.multiclass import Multiclass

# Read when torch is imported: its threads that wait would otherwise keep the cores busy.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# jsonschema goes without it; its import compiles a grammar for five seconds.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
# Deterministic, and without a deadline, which busy cores would exceed.
hypothesis_settings.register_profile("quick", derandomize=True, deadline=None, max_examples=25)
hypothesis_settings.register_profile("thorough", deadline=None, max_examples=1000)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "quick")
hypothesis_settings.load_profile(PROFILE)
if PROFILE == "quick":
    # Else examples also come from the constants of the project's modules that are imported by then,
    # and a test would get others after other tests. There is no setting for it.
    assert callable(providers._get_local_constants)
    providers._get_local_constants = providers.Constants


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    from app.settings.settings import Settings
    from tests.service import open_client

    async with open_client(Settings(model=IRIS)) as client:
        yield client


@pytest.fixture
def write_model(tmp_path: Path) -> Callable[..., Path]:
    """Write a checkpoint of a seeded module, and its card; returns the path."""
    from stateserve.model.checkpoint import save_checkpoint
    from tests.checkpoints import make_card
    from tests.networks import seeded

    def write(suffix: str = ".pth", module: "Multiclass | None" = None, **changes: object) -> Path:
        module = module or seeded(0)
        path = tmp_path / f"made{suffix}"
        save_checkpoint(module.state_dict(), make_card(module, **changes), path)
        return path

    return write


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """One real server for all tests that do not change it."""
    log = tmp_path_factory.mktemp("server") / "log"
    with running_server(log) as running:
        yield running
        assert running.stop() == 0, running.log.read_text()
