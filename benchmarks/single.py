"""Single predictions: the whole service against the bare echo, on the same uvicorn and core."""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks import echo
from benchmarks.load import run_load
from benchmarks.ratio import Ratio
from benchmarks.request import flower_request
from benchmarks.server import free_ports, running_server
from benchmarks.turns import Turns, take_turns

GOALS = {1: "at least 0.70", 32: "at least 0.60"}


def service_command(port: int, *options: str) -> list[str]:
    return [sys.executable, "-m", "app", "serve", "--port", str(port), *options]


def measure(rounds: int, seconds: int) -> list[Ratio]:
    found: dict[int, list[dict[str, Turns]]] = {connections: [] for connections in GOALS}
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
            for connections, rounds_before in found.items():
                turns = take_turns(requests, connections=connections, seconds=seconds)
                rounds_before.append(turns)
    return [ratio for connections in GOALS for ratio in _ratios(found[connections], connections)]


def _ratios(found: list[dict[str, Turns]], connections: int) -> list[Ratio]:
    throughput = [turns["service"].throughput / turns["echo"].throughput for turns in found]
    name = f"{connections} connection{'s' if connections > 1 else ''}"
    best = max(turns["service"].throughput for turns in found)
    return [
        Ratio(f"/predict to echo, {name} (best {best:.0f}/s)", throughput, GOALS[connections]),
        *(
            Ratio(f"p99 to p50, {name}, {server}", [turns[server].tail for turns in found], goal)
            for server, goal in (("service", "at most 3"), ("echo", ""))
        ),
    ]
