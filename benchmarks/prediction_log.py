"""The prediction log: the service with the log, relative to the service without."""

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
from benchmarks.turns import take_turns

GOAL = "at least 0.80"
DROPPED = "prediction_log_dropped_total"
CONNECTIONS = 32


def measure(rounds: int, seconds: int) -> list[Ratio]:
    """Measure on one core, which the log's thread shares."""
    ratios, lost, best = [], [], 0.0
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
            turns = take_turns(requests, connections=CONNECTIONS, seconds=seconds)
            ratios.append(turns["on"].throughput / turns["off"].throughput)
            best = max(best, turns["on"].throughput)
            lost.append(_dropped(requests["on"]) / sum(load.requests for load in turns["on"].loads))
    return [
        Ratio(
            f"/predict with the log to without, 32 connections (best {best:.0f}/s)", ratios, GOAL
        ),
        Ratio("predictions that the log dropped, of those made", lost, "0"),
    ]


def _dropped(request: Request) -> float:
    """The number of predictions that the log has dropped since the server started."""
    text = httpx.get(request.url.replace("/predict", "/metrics"), trust_env=False).text
    counts = [line.split()[-1] for line in text.splitlines() if line.startswith(DROPPED)]
    return sum(map(float, counts))


def main(rounds: int = 5, seconds: int = 3) -> None:
    """Measure this ratio alone."""
    print_table(measure(rounds, seconds))


if __name__ == "__main__":
    typer.run(main)
