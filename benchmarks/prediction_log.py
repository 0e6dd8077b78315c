"""The prediction log: the service that writes to one against the same service without."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import httpx
import typer

from benchmarks.load import run_load
from benchmarks.ratio import Ratio, print_table
from benchmarks.request import Request, flower_request
from benchmarks.server import free_ports, running_server
from benchmarks.single import service_command

GOAL = "at least 0.80"
DROPPED = "prediction_log_dropped_total"
CONNECTIONS = 32


def measure(rounds: int, seconds: int) -> list[Ratio]:
    """Both servers run throughout and take turns; the log's thread has no core of its own."""
    throughput: dict[str, list[float]] = {"off": [], "on": []}
    lost = []
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        options = {"off": (), "on": ("--prediction-log", f"sqlite:///{folder}/log.db")}
        requests = {}
        for (name, chosen), port in zip(options.items(), free_ports(2), strict=True):
            requests[name] = flower_request(port)
            command = service_command(port, *chosen)
            log = Path(folder) / name
            stack.enter_context(running_server(command, requests[name].send, log=log))
            run_load(requests[name], connections=CONNECTIONS, seconds=1)
        for _ in range(rounds):
            for name, request in requests.items():
                load = run_load(request, connections=CONNECTIONS, seconds=seconds)
                if load.fault:
                    raise SystemExit(f"log {name}: {load.fault}")
                throughput[name].append(load.throughput)
            lost.append(_dropped(requests["on"]) / load.requests)
    ratios = [on / off for on, off in zip(throughput["on"], throughput["off"], strict=True)]
    best = max(throughput["on"])
    return [
        Ratio(
            f"/predict with the log to without, 32 connections (best {best:.0f}/s)", ratios, GOAL
        ),
        Ratio("predictions that the log dropped, of those made", lost, "0"),
    ]


def _dropped(request: Request) -> float:
    """Predictions that the log has dropped since the server started."""
    text = httpx.get(request.url.replace("/predict", "/metrics"), trust_env=False).text
    counts = [line.split()[-1] for line in text.splitlines() if line.startswith(DROPPED)]
    return sum(map(float, counts))


def main(rounds: int = 5, seconds: int = 3) -> None:
    """Measure this ratio alone."""
    print_table(measure(rounds, seconds))


if __name__ == "__main__":
    typer.run(main)
