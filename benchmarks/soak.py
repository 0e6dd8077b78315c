"""`python -m benchmarks.soak` or `make soak`: a long load at a share of the capacity.

Leaks and growing queues show only over time: memory, errors and latency are measured in windows,
and the last third is compared with the first.
"""

import csv
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from benchmarks.load import Load, run_load
from benchmarks.request import Request, flower_request
from benchmarks.server import Server, free_port, running_server
from benchmarks.single import service_command

RESULTS = Path(__file__).parent / "results"
# The time between two requests of a connection: much longer than an answer takes, so that a
# connection is free whenever a request is due.
TURN_SECONDS = 0.02
# The least share of the intended requests: with fewer, the load is not that of the report.
LEAST_RATE = 0.98
COLUMNS = [
    "seconds",
    "requests",
    "p50_ms",
    "p99_ms",
    "behind_ms",
    "bad_statuses",
    "socket_errors",
    "memory",
]
MOST_GROWTH = {"memory": 1.05, "p50": 1.5, "p99": 2.0}


@dataclass(frozen=True)
class Window:
    """The figures of one window; `end` is in seconds since the start, memory at the end."""

    end: float
    load: Load
    memory_bytes: int
    intended_rate: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.load.requests / self.load.seconds


def growth(windows: list[Window]) -> dict[str, float]:
    """The median of the last third over that of the first, for memory and latency."""
    measures: dict[str, Callable[[Window], float]] = {
        "memory": lambda window: window.memory_bytes,
        "p50": lambda window: window.load.p50_ms,
        "p99": lambda window: window.load.p99_ms,
    }
    third = max(1, len(windows) // 3)
    return {
        name: median(map(measure, windows[-third:])) / median(map(measure, windows[:third]))
        for name, measure in measures.items()
    }


def faults(windows: list[Window]) -> list[str]:
    """The failures of a soak; empty if it succeeded."""
    failed = [f"until {w.end:.0f} s: {w.load.fault}" for w in windows if w.load.fault]
    failed += [
        f"until {w.end:.0f} s: {w.rate:.0f} requests a second; {w.intended_rate:.0f} were intended"
        for w in windows
        if w.rate < LEAST_RATE * w.intended_rate
    ]
    return failed + [
        f"{name} grew to {factor:.2f} times the first third's; at most {MOST_GROWTH[name]}"
        for name, factor in growth(windows).items()
        if factor > MOST_GROWTH[name]
    ]


def soak(
    minutes: Annotated[float, typer.Option(min=0.01)] = 10,
    window: Annotated[int, typer.Option(min=1, help="Seconds of one measurement.")] = 10,
    share: Annotated[float, typer.Option(min=0.01, max=1, help="Of the capacity.")] = 0.8,
    output: Annotated[Path, typer.Option(help="Where the windows go, as CSV.")] = (
        RESULTS / "soak.csv"
    ),
) -> None:
    """Measure the capacity of one core, then load it with a share of that; status 1 on failure."""
    port = free_port()
    request = flower_request(port)
    # The service logs each request, as in production; the log would take gigabytes.
    log = Path(os.devnull)
    with running_server(service_command(port), request.send, log=log) as server:
        run_load(request, connections=32, seconds=window)
        capacity = run_load(request, connections=32, seconds=window).throughput
        rate = share * capacity
        print(f"capacity {capacity:.0f}/s; {rate:.0f}/s are sent, {share:.0%} of it")
        windows = _watch(server, request, rate, minutes * 60, window)
    _write(windows, output)
    sent = sum(w.load.requests for w in windows)
    rate = sent / sum(w.load.seconds for w in windows)
    print(f"{sent} requests, {rate:.0f}/s, {rate / capacity:.0%} of capacity")
    print("last third to first: " + ", ".join(f"{k} {v:.2f}" for k, v in growth(windows).items()))
    if failed := faults(windows):
        raise SystemExit("\n".join(failed))


def _watch(
    server: Server, request: Request, rate: float, seconds: float, window: int
) -> list[Window]:
    windows: list[Window] = []
    connections = max(1, round(rate * TURN_SECONDS))
    start = time.monotonic()
    while not windows or windows[-1].end < seconds:
        load = run_load(request, connections=connections, seconds=window, rate=rate)
        windows.append(Window(time.monotonic() - start, load, server.anonymous_bytes(), rate))
        print(_line(windows[-1]), flush=True)
    return windows


def _line(window: Window) -> str:
    load, mib = window.load, window.memory_bytes / 2**20
    return (
        f"{window.end:5.0f} s: {load.throughput:6.0f}/s, p50 {load.p50_ms:.2f} ms, "
        f"p99 {load.p99_ms:.2f} ms, {load.behind_ms:.1f} ms behind, {mib:.1f} MiB, "
        f"{load.fault or 'no fault'}"
    )


def _write(windows: list[Window], output: Path) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for each in windows:
            load = each.load
            counts = (load.bad_statuses, load.socket_errors, each.memory_bytes)
            times = (load.p50_ms, load.p99_ms, load.behind_ms)
            writer.writerow([f"{each.end:.1f}", load.requests, *times, *counts])


if __name__ == "__main__":
    typer.run(soak)
