"""Single predictions: the whole service against the bare echo, on the same uvicorn and core."""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks import echo
from benchmarks.load import Load, run_load
from benchmarks.ratio import Ratio
from benchmarks.request import flower_request
from benchmarks.server import free_ports, running_server

GOALS = {1: "at least 0.70", 32: "at least 0.60"}


def service_command(port: int, *options: str) -> list[str]:
    return [sys.executable, "-m", "app", "serve", "--port", str(port), *options]


def measure(rounds: int, seconds: int) -> list[Ratio]:
    """Both servers run throughout, and take turns: what else the machine does meets both."""
    loads: dict[tuple[str, int], list[Load]] = {}
    ports = free_ports(2)
    commands = {"echo": echo.command(ports[0]), "service": service_command(ports[1])}
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        requests = {}
        for (name, command), port in zip(commands.items(), ports, strict=True):
            request = flower_request(port)
            log = Path(folder) / name
            stack.enter_context(running_server(command, request.send, log=log))
            run_load(request, connections=32, seconds=1)
            requests[name] = request
        for _ in range(rounds):
            for connections in GOALS:
                for name, request in requests.items():
                    load = run_load(request, connections=connections, seconds=seconds)
                    if load.fault:
                        raise SystemExit(f"{name}: {load.fault}")
                    loads.setdefault((name, connections), []).append(load)
    return [ratio for connections in GOALS for ratio in _ratios(loads, connections)]


def _ratios(loads: dict[tuple[str, int], list[Load]], connections: int) -> list[Ratio]:
    service, bare = loads["service", connections], loads["echo", connections]
    throughput = [a.throughput / b.throughput for a, b in zip(service, bare, strict=True)]
    tail = [load.p99_ms / load.p50_ms for load in service]
    name = f"{connections} connection{'s' if connections > 1 else ''}"
    best = max(load.throughput for load in service)
    return [
        Ratio(f"/predict to echo, {name} (best {best:.0f}/s)", throughput, GOALS[connections]),
        Ratio(f"p99 to p50, {name}", tail, "at most 3"),
    ]
