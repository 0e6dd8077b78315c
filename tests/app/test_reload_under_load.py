"""A real server, loaded again and again while 32 connections ask: plain torch is the oracle."""

import asyncio
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch

from app.card import card_path
from app.checkpoint import load_checkpoint
from app.multiclass import Multiclass
from tests.conftest import Process, running_server, save_model

RELOADS = 100
TOLERANCE = 1e-5
TOKEN = "a-token-that-no-one-guesses"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
NPY = {"Content-Type": "application/x-npy"}
# One forward pass with others; a thread; a thread that makes two passes, so that a version may
# change between them.
SIZES = {"batched": 5, "thread": 100, "chunks": 17_000}
ROWS = np.random.default_rng(0).uniform(-1, 1, (17_000, 4)).astype(np.float32)


def probabilities_of(path: Path) -> tuple[str, np.ndarray]:
    """The hash that answers name, and what plain torch says of ROWS."""
    state, card = load_checkpoint(path)
    module = Multiclass()
    module.load_state_dict(state)
    with torch.inference_mode():
        return card.state_sha256[:12], module.eval()(torch.from_numpy(ROWS)).exp().numpy()


def replace(path: Path, new: Path) -> None:
    for source, target in ((new, path), (card_path(new), card_path(path))):
        copy = target.with_name(f".{target.name}")
        copy.write_bytes(source.read_bytes())
        copy.replace(target)


@pytest.fixture
def two_states(tmp_path: Path) -> list[Path]:
    return [save_model(tmp_path / f"states/{seed}.pth", seed=seed) for seed in (1, 2)]


@pytest.fixture
def service(tmp_path: Path, two_states: list[Path]) -> Iterator[Process]:
    path = save_model(tmp_path / "models/wine/1/model.pth", seed=1)
    # Without hot_reload nothing but the verb loads.
    options = ("--models", str(path.parents[2]), "--model", "wine", "--hot-reload", "false")
    with running_server(tmp_path / "log", *options, "--admin-token", TOKEN) as running:
        yield running
        assert running.stop() == 0, running.log.read_text()


def json_request(rows: np.ndarray) -> dict[str, Any]:
    instances = [dict(zip(("x0", "x1", "x2", "x3"), row, strict=True)) for row in rows.tolist()]
    return {"json": {"instances": instances}}


def read_json(answer: httpx.Response) -> tuple[str, np.ndarray]:
    body = answer.json()
    rows = [list(each["probabilities"].values()) for each in body["predictions"]]
    return body["model"]["state_sha256"], np.array(rows)


def npy_request(rows: np.ndarray) -> dict[str, Any]:
    stream = io.BytesIO()
    np.save(stream, rows)
    return {"content": stream.getvalue(), "headers": NPY}


def read_npy(answer: httpx.Response) -> tuple[str, np.ndarray]:
    array = np.load(io.BytesIO(answer.content))
    return answer.headers["x-model-state-sha256"], array


async def test_a_hundred_reloads_lose_no_request_and_mix_no_versions(
    tmp_path: Path, two_states: list[Path], service: Process
) -> None:
    expected = dict(map(probabilities_of, two_states))
    first, second = expected.values()
    # So far apart that a row of one cannot pass for the other's.
    assert np.abs(first - second).max(axis=1).min() > 10 * TOLERANCE
    path, done, seen = tmp_path / "models/wine/1/model.pth", asyncio.Event(), dict[str, set[str]]()

    async with httpx.AsyncClient(base_url=service.url, timeout=30) as client:

        async def ask(size: str, url: str, as_json: bool) -> None:
            rows = ROWS[: SIZES[size]]
            request = json_request(rows) if as_json else npy_request(rows)
            read: Callable[[httpx.Response], Any] = read_json if as_json else read_npy
            while not done.is_set():
                answer = await client.post(url, **request)
                assert answer.status_code == 200, answer.text
                version, found = read(answer)
                assert len(found) == len(rows)
                assert np.abs(found - expected[version][: len(rows)]).max() < TOLERANCE
                seen.setdefault(size, set()).add(version)

        async def reload() -> None:
            for number in range(RELOADS):
                new = two_states[(number + 1) % 2]
                replace(path, new)
                answer = await client.post("/models/wine/load", headers=BEARER)
                assert answer.status_code == 200, answer.text
                # Whoever asks after the answer is answered by what was loaded.
                version, _ = read_npy(await client.post("/predict", **npy_request(ROWS[:1])))
                assert version == list(expected)[(number + 1) % 2]
            done.set()

        async with asyncio.TaskGroup() as tasks:
            for connection in range(32):
                size = "chunks" if connection == 0 else "thread" if connection < 4 else "batched"
                url = "/predict" if connection % 2 else "/models/wine/predict"
                tasks.create_task(ask(size, url, as_json=bool(connection % 3)))
            tasks.create_task(reload())
        metrics = (await client.get("/metrics")).text
    assert seen == {size: set(expected) for size in SIZES}
    assert f'model_reloads_total{{model="wine",result="loaded"}} {1 + RELOADS}.0' in metrics
