"""Single predictions on one core: the service relative to the echo, and with all checks to none."""

import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from app.api.auth import Scope, new_key
from benchmarks import echo
from benchmarks.load import run_load
from benchmarks.ratio import Ratio
from benchmarks.request import flower_request
from benchmarks.server import free_ports, running_server
from benchmarks.turns import Turns, take_turns

GOALS = {1: "at least 0.70", 32: "at least 0.60"}
CHECKED_GOAL = "at least 0.90"
# As in production, but with a rate that is never exceeded.
RATE = "100000/second"


def service_command(port: int, *options: str) -> list[str]:
    return [sys.executable, "-m", "app", "serve", "--port", str(port), *options]


def measure(rounds: int, seconds: int) -> list[Ratio]:
    found: dict[int, list[dict[str, Turns]]] = {connections: [] for connections in GOALS}
    ports = free_ports(3)
    key, entry = new_key("benchmark", [Scope.PREDICT], RATE)
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "keys.toml"
        keys.write_text(entry)
        options = ["--api-keys", str(keys), "--trusted-hosts", "127.0.0.1,*.example.com"]
        commands = {
            "echo": echo.command(ports[0]),
            "service": service_command(ports[1]),
            "checked": service_command(ports[2], *options, "--request-timeout-seconds", "30"),
        }
        requests = {}
        for (name, command), port in zip(commands.items(), ports, strict=True):
            request = flower_request(port)
            if name == "checked":
                checks = {"Authorization": f"Bearer {key}", "X-Request-Timeout": "10"}
                request = replace(request, headers={**request.headers, **checks})
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
    throughput, checked = (
        [turns[name].throughput / turns[other].throughput for turns in found]
        for name, other in (("service", "echo"), ("checked", "service"))
    )
    name = f"{connections} connection{'s' if connections > 1 else ''}"
    best = max(turns["service"].throughput for turns in found)
    return [
        Ratio(f"/predict to echo, {name} (best {best:.0f}/s)", throughput, GOALS[connections]),
        Ratio(f"with key, rate, hosts and deadline to without, {name}", checked, CHECKED_GOAL),
        *(
            Ratio(f"p99 to p50, {name}, {server}", [turns[server].tail for turns in found], goal)
            for server, goal in (("service", "at most 3"), ("echo", ""))
        ),
    ]
