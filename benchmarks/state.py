"""A large state: the cost of GET /state and of downloads with 100 million parameters.

Run it: python -m benchmarks.state (4 GB of memory, 1 GB of disk, two minutes).

The server has one core and the client the other. The delay of other requests is measured twice,
with one connection: with GET /health/live, which takes only the event loop's time, and with POST
/predict, where the forward pass of this model takes most of the time and shares its core with the
first GET /state. Later calls only read the result of the first.
"""

import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.load import LOAD_CORE
from benchmarks.ratio import Ratio
from benchmarks.request import Request
from benchmarks.server import Server, free_port, running_server
from stateserve.model import save_checkpoint
from stateserve.model.architectures import Multiclass
from tests.checkpoints import make_card

N_HIDDEN = 12_500_000
IDLE_SECONDS = 3.0
ROW = b'{"x0": 0.1, "x1": 0.2, "x2": 0.3, "x3": 0.4}'
LIVE = "/health/live"
DOWNLOADS = (
    "/state.safetensors",
    "/state.pth",
    "/state/hidden.weight?format=npy",
    "/state/hidden.weight?format=npy&slice=::-1,::2",
)
RUNS = 5
TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class Latency:
    """Latencies of sequential requests on one connection, in milliseconds."""

    count: int
    p50: float
    p99: float
    largest: float

    @classmethod
    def of(cls, seconds: list[float]) -> "Latency":
        p50, p99, largest = np.percentile(seconds, (50, 99, 100)) * 1e3
        return cls(len(seconds), p50, p99, largest)

    def __str__(self) -> str:
        numbers = f"p50 {self.p50:.2f}, p99 {self.p99:.2f}, largest {self.largest:.2f} ms"
        return f"{numbers} ({self.count} requests)"


def main() -> None:
    os.sched_setaffinity(0, {LOAD_CORE})
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "large.pth"
        _write_model(model)
        with _serving(model) as (server, port):
            for path in ("/state", *DOWNLOADS):
                _report(server, port, path, LIVE)
            print(f"later GET /state: {_idle(port, '/state')}")
        _tails(model, RUNS)


def measure(rounds: int) -> list[Ratio]:
    """The one ratio for `make bench`. The load's process stays on its core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {LOAD_CORE})
    try:
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / "large.pth"
            _write_model(model)
            tails = _tails(model, rounds)
    finally:
        os.sched_setaffinity(0, before)
    return [Ratio("/predict p99 in the first GET /state to before", tails, "at most 2")]


def _tails(model: Path, rounds: int) -> list[float]:
    tails = []
    for _ in range(rounds):
        # A process computes the statistics only once.
        with _serving(model) as (server, port):
            tails.append(_report(server, port, "/state", "/predict"))
    return tails


def _write_model(path: Path) -> None:
    torch.manual_seed(0)
    module = Multiclass(4, N_HIDDEN, 3).eval()
    save_checkpoint(module.state_dict(), make_card(module), path)


@contextmanager
def _serving(model: Path) -> Iterator[tuple[Server, int]]:
    port = free_port()
    command = [sys.executable, "-m", "app", "serve", "--port", str(port), "--model", str(model)]
    probe = Request(f"http://127.0.0.1:{port}/health/ready")
    with running_server(command, probe.send, log=model.with_suffix(".log")) as server:
        peak, now = _memory(server, "VmHWM"), _memory(server, "VmRSS")
        print(f"\nready after {server.start_seconds:.1f} s, peak {peak:.0f} MiB, now {now:.0f} MiB")
        yield server, port


def _report(server: Server, port: int, path: str, others: str) -> float:
    """Time and memory of one GET of `path`, and its effect on the p99 of `others`."""
    idle = _idle(port, others)
    _reset_peak(server)
    before = _memory(server, "VmRSS")
    seconds, busy = _meanwhile(port, others, lambda: _get(port, path))
    extra = _memory(server, "VmHWM") - before
    print(f"GET {path}: {seconds:.2f} s, {extra:.1f} MiB more memory")
    print(f"  {others} before:    {idle}")
    print(f"  {others} meanwhile: {busy}, p99 {busy.p99 / idle.p99:.2f} times")
    return busy.p99 / idle.p99


def _meanwhile(port: int, path: str, work: Callable[[], object]) -> tuple[float, Latency]:
    """The seconds of `work` in a thread, and the latencies at `path` meanwhile."""

    def timed() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    with ThreadPoolExecutor(1) as thread:
        call = thread.submit(timed)
        latency = _probe(port, path, call.done)
        return call.result(), latency


def _idle(port: int, path: str) -> Latency:
    deadline = time.monotonic() + IDLE_SECONDS
    return _probe(port, path, lambda: time.monotonic() > deadline)


def _probe(port: int, path: str, enough: Callable[[], bool]) -> Latency:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    method, body = ("POST", ROW) if path == "/predict" else ("GET", None)
    seconds: list[float] = []
    while not enough():
        start = time.perf_counter()
        connection.request(method, path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        seconds.append(time.perf_counter() - start)
        if response.status != http.HTTPStatus.OK:
            raise RuntimeError(f"{path} answered {response.status}")
    connection.close()
    return Latency.of(seconds)


def _get(port: int, path: str) -> None:
    # A separate process, since a thread of this interpreter would slow down the probe.
    url = f"http://127.0.0.1:{port}{path}"
    subprocess.run(["curl", "--silent", "--fail", "--output", "/dev/null", url], check=True)


def _memory(server: Server, field: str) -> float:
    """A line of /proc/pid/status, in MiB: VmRSS is current, VmHWM the peak since the last reset."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024


def _reset_peak(server: Server) -> None:
    # proc(5): 5 resets the peak to the resident size.
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")


if __name__ == "__main__":
    main()
