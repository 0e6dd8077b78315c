"""Fixtures: the real application in memory, a real server process, and fresh checkpoints."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from hypothesis import settings as hypothesis_settings

from app.card import Architecture, Card, Feature, Golden
from app.checkpoint import save_checkpoint, state_sha256
from app.main import create_app
from app.multiclass import Multiclass
from app.settings import Settings
from app.training_record import ClassMetrics, Hyperparameters, Split
from app.training_record import Metrics as CardMetrics

ROOT = Path(__file__).parent.parent
IRIS = ROOT / "models" / "iris-model.pth"
SETOSA = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}

# Deterministic in CI, and no deadline: two busy cores are not a finding.
hypothesis_settings.register_profile("ci", derandomize=True, deadline=None, max_examples=100)
hypothesis_settings.load_profile("ci")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def open_client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The whole application, started and stopped, without a socket."""
    app = create_app(settings)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield client


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with open_client(Settings(model=IRIS)) as client:
        yield client


def make_card(module: Multiclass, **changes: object) -> Card:
    """A true card for any module in evaluation mode; `changes` make it untrue."""
    n_features, n_classes = module.hidden.in_features, module.output.out_features
    inputs = torch.linspace(-1, 1, n_features).reshape(1, -1)
    with torch.inference_mode():
        golden = module(inputs)
    scores = ClassMetrics(precision=1, recall=1, support=1)
    classes = [f"class-{index}" for index in range(n_classes)]
    card = Card(
        name="made",
        dataset="made",
        architecture=Architecture(
            n_features=n_features, n_hidden=module.hidden.out_features, n_classes=n_classes
        ),
        features=[
            Feature(name=f"x{index}", minimum=-1, maximum=1, example=0)
            for index in range(n_features)
        ],
        classes=classes,
        hyperparameters=Hyperparameters(seed=0, epochs=1, batch_size=1, learning_rate=0.1),
        split=Split(train_rows=2, test_rows=1, test_size=0.3),
        metrics=CardMetrics(
            train_accuracy=1,
            test_accuracy=1,
            test_loss=0,
            per_class=dict.fromkeys(classes, scores),
        ),
        libraries={},
        state_sha256=state_sha256(module.state_dict()),
        golden=Golden(inputs=inputs.tolist(), log_probabilities=golden.tolist()),
    )
    return card.model_copy(update=changes)


def save_model(path: Path, seed: int = 0) -> Path:
    """Write a checkpoint of the module that `seed` makes, and its card."""
    torch.manual_seed(seed)
    module = Multiclass().eval()
    save_checkpoint(module.state_dict(), make_card(module), path)
    return path


@pytest.fixture
def write_model(tmp_path: Path) -> Callable[..., Path]:
    """Write a checkpoint of a seeded module, and its card; returns the path."""

    def write(suffix: str = ".pth", module: Multiclass | None = None, **changes: object) -> Path:
        if module is None:
            torch.manual_seed(0)
            module = Multiclass().eval()
        path = tmp_path / f"made{suffix}"
        save_checkpoint(module.state_dict(), make_card(module, **changes), path)
        return path

    return write


@dataclass
class Process:
    """A running `app serve`; its log is a file, for a pipe that nobody reads would block it."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def records(self, **fields: object) -> list[dict[str, Any]]:
        """Those of the log's lines, as far as they are whole, that have these fields."""
        whole = self.log.read_text().rpartition("\n")[0]
        records: Iterator[dict[str, Any]] = map(json.loads, whole.splitlines())
        return [each for each in records if fields.items() <= each.items()]

    def wait_for_record(self, **fields: object) -> dict[str, Any]:
        """The only line of the log with these fields, which a thread writes a moment later."""
        deadline = time.monotonic() + 60
        while not (found := self.records(**fields)):
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)
        (record,) = found
        return record

    def stop(self) -> int:
        """SIGTERM, then the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


@contextmanager
def running_server(
    log: Path, *arguments: str, python: tuple[str, ...] = (sys.executable,), cwd: Path = ROOT
) -> Iterator[Process]:
    """`app serve` on a free port, from when its log names the address."""
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [*python, "-m", "app", "serve", "--port", "0", *arguments],
            cwd=cwd,
            stderr=stderr,
        )
    deadline = time.monotonic() + 120
    try:
        while not (match := re.search(r"running on ([^ \"]+)", log.read_text())):
            assert time.monotonic() < deadline, log.read_text()
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        yield Process(process, match[1], log)
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """One real server for all tests that only ask it."""
    with running_server(tmp_path_factory.mktemp("server") / "log") as running:
        yield running
        assert running.stop() == 0, running.log.read_text()
