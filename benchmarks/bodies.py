"""Large bodies: the time of the service, relative to the library calls that it needs."""

import io
import json
import tempfile
import time
from pathlib import Path

import httpx
import msgspec
import numpy as np
import torch

from benchmarks.ratio import Ratio, timed
from benchmarks.request import FLOWER, flower_request
from benchmarks.server import Server, free_port, running_server
from benchmarks.single import service_command
from stateserve.model import Predictor

MODEL = Path("models/iris-model.pth")
JSON_ROWS = 100_000
NPY_ROWS = 1_000_000


def measure(rounds: int) -> list[Ratio]:
    predictor = Predictor.load(MODEL)
    lowest, highest = (bound.T for bound in predictor.ranges)
    rows = np.random.default_rng(0).uniform(lowest, highest, (NPY_ROWS, 4)).astype(np.float32)
    few = rows[:JSON_ROWS].astype(np.float64).round(1)
    flowers = [dict(zip(FLOWER, row, strict=True)) for row in few.tolist()]
    bodies = {
        "application/json": json.dumps({"instances": flowers}).encode(),
        "application/x-npy": _npy(rows),
    }
    port = free_port()
    probe = flower_request(port)
    taken: dict[str, list[float]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(service_command(port), probe.send, log=Path(folder) / "log") as server,
        httpx.Client(timeout=60, trust_env=False) as client,
    ):
        idle = _peak_bytes(server)
        _post(client, probe.url, "application/x-npy", bodies["application/x-npy"])
        extra = (_peak_bytes(server) - idle) / len(bodies["application/x-npy"])
        for _ in range(rounds):
            for name, seconds in _parts(predictor, few, rows).items():
                taken.setdefault(name, []).append(seconds)
            for media_type, body in bodies.items():
                start = time.perf_counter()
                _post(client, probe.url, media_type, body)
                taken.setdefault(media_type, []).append(time.perf_counter() - start)
    return [*_ratios(taken), Ratio("memory above idle to the .npy body", [extra], "at most 3")]


def _ratios(taken: dict[str, list[float]]) -> list[Ratio]:
    def over(first: str, second: str, factor: float = 1) -> list[float]:
        pairs = zip(taken[first], taken[second], strict=True)
        return [a / b * factor for a, b in pairs]

    size = NPY_ROWS / JSON_ROWS
    return [
        Ratio("100,000 rows as JSON to its parts", over("application/json", "parts"), "at most 2"),
        Ratio("1,000,000 rows as .npy to torch", over("application/x-npy", "torch"), "at most 2"),
        Ratio(
            "rows a second, .npy to JSON",
            over("application/json", "application/x-npy", size),
            "at least 5",
        ),
    ]


def _parts(predictor: Predictor, few: np.ndarray, rows: np.ndarray) -> dict[str, float]:
    """Plain library calls in this process: decode, to array, forward, encode."""
    text = msgspec.json.encode(few.tolist())
    decoded = msgspec.json.decode(text, type=list[list[float]])
    array = np.array(decoded, dtype=np.float32)
    torch.set_num_threads(1)
    with torch.inference_mode():
        answers = predictor.module(torch.from_numpy(array)).exp().tolist()
        parts = [
            timed(lambda: msgspec.json.decode(text, type=list[list[float]])),
            timed(lambda: np.array(decoded, dtype=np.float32)),
            timed(lambda: predictor.module(torch.from_numpy(array))),
            timed(lambda: msgspec.json.encode(answers)),
        ]
        forward = timed(lambda: predictor.module(torch.from_numpy(rows)))
    return {"parts": sum(parts), "torch": forward}


def _post(client: httpx.Client, url: str, media_type: str, body: bytes) -> None:
    client.post(url, content=body, headers={"Content-Type": media_type}).raise_for_status()


def _npy(rows: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, rows)
    return stream.getvalue()


def _peak_bytes(server: Server) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)
