"""A real server reloads repeatedly while 32 connections send requests, against plain torch."""

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
import pytest
import torch

from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.cards.card_location import card_path
from stateserve.model.checkpoint import load_checkpoint
from tests import rest
from tests.checkpoints import save_model
from tests.process import Process, running_server
from tests.wire import post

RELOADS = 16
TOLERANCE = 1e-5
TOKEN = "a-token-that-no-one-guesses"
LOAD = post(b"", b"Authorization: Bearer " + TOKEN.encode(), path=b"/models/wine/load")
NPY = b"Content-Type: application/x-npy"
# One forward pass with others; a thread; a thread that makes two passes, so that a version may
# change between them.
SIZES = {"batched": 5, "thread": 100, "chunks": 17_000}
ROWS = np.random.default_rng(0).uniform(-1, 1, (17_000, 4)).astype(np.float32)


def probabilities_of(path: Path) -> tuple[str, np.ndarray]:
    """The hash in the answers, and plain torch's probabilities of ROWS."""
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
    # Without hot_reload only the verb loads.
    options = ("--models", str(path.parents[2]), "--model", "wine", "--hot-reload", "false")
    with running_server(tmp_path / "log", *options, "--admin-token", TOKEN) as running:
        yield running
        assert running.stop() == 0, running.log.read_text()


class Connection:
    """Cheaper than a client library: 32 of these share a process."""

    @classmethod
    async def open(cls, url: str) -> Self:
        self = cls()
        host, port = url.removeprefix("http://").split(":")
        self._reader, self._writer = await asyncio.open_connection(host, int(port))
        return self

    async def ask(self, request: bytes) -> tuple[dict[str, str], bytes]:
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = head.strip().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        body = await self._reader.readexactly(int(headers["content-length"]))
        assert status.startswith("HTTP/1.1 200"), body
        return headers, body

    def close(self) -> None:
        self._writer.close()


def json_request(rows: np.ndarray, path: bytes) -> bytes:
    instances = [dict(zip(("x0", "x1", "x2", "x3"), row, strict=True)) for row in rows.tolist()]
    return post(json.dumps({"instances": instances}).encode(), path=path)


def read_json(headers: dict[str, str], body: bytes) -> tuple[str, np.ndarray]:
    answer = json.loads(body)
    rows = [list(each["probabilities"].values()) for each in answer["predictions"]]
    return answer["model"]["state_sha256"], np.array(rows)


def npy_request(rows: np.ndarray, path: bytes) -> bytes:
    stream = io.BytesIO()
    np.save(stream, rows)
    return post(stream.getvalue(), NPY, path=path)


def read_npy(headers: dict[str, str], body: bytes) -> tuple[str, np.ndarray]:
    return headers["x-model-state-sha256"], np.load(io.BytesIO(body))


async def test_many_reloads_lose_no_request_and_mix_no_versions(
    tmp_path: Path, two_states: list[Path], service: Process
) -> None:
    expected = dict(map(probabilities_of, two_states))
    first, second = expected.values()
    # So different that a row of one version cannot be mistaken for the other's.
    assert np.abs(first - second).max(axis=1).min() > 10 * TOLERANCE
    path, done, seen = tmp_path / "models/wine/1/model.pth", asyncio.Event(), dict[str, set[str]]()

    async def ask(size: str, path: bytes, as_json: bool) -> None:
        rows = ROWS[: SIZES[size]]
        request = json_request(rows, path) if as_json else npy_request(rows, path)
        read = read_json if as_json else read_npy
        connection = await Connection.open(service.url)
        while not done.is_set():
            version, found = read(*await connection.ask(request))
            assert len(found) == len(rows)
            assert np.abs(found - expected[version][: len(rows)]).max() < TOLERANCE
            seen.setdefault(size, set()).add(version)
        connection.close()

    async def reload() -> None:
        connection = await Connection.open(service.url)
        for number in range(1, 1 + RELOADS):
            replace(path, two_states[number % 2])
            await connection.ask(LOAD)
            # A request after the answer gets the loaded version.
            version, _ = read_npy(*await connection.ask(npy_request(ROWS[:1], b"/predict")))
            assert version == list(expected)[number % 2]
        connection.close()
        done.set()

    async with asyncio.TaskGroup() as tasks:
        for number in range(32):
            size = "chunks" if number == 0 else "thread" if number < 4 else "batched"
            url = b"/predict" if number % 2 else b"/models/wine/predict"
            tasks.create_task(ask(size, url, as_json=number % 4 == 1))
        tasks.create_task(reload())
    metrics = rest.get(f"{service.url}/metrics").text
    assert seen == {size: set(expected) for size in SIZES}
    assert f'model_reloads_total{{model="wine",result="loaded"}} {1 + RELOADS}.0' in metrics
