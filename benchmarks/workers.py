"""Two worker processes relative to one, on both cores: throughput and memory.

The load runs on the same two cores. With single flowers, wrk takes a third of the service's time,
so a second worker could not reach a factor of 1.8; with 300 flowers in a request, it takes a
twentieth.
"""

import json
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.load import run_load
from benchmarks.ratio import Ratio
from benchmarks.request import FLOWER, Request, flower_request
from benchmarks.server import Server, free_ports, running_server
from benchmarks.single import service_command
from benchmarks.turns import take_turns

CORES = "0,1"
# The number of large requests that a process computes at a time (max_large_requests).
MOST_LARGE = 8
BATCH = 300
WORKERS = (1, 2)


def measure(rounds: int, seconds: int) -> list[Ratio]:
    ports = free_ports(len(WORKERS))
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        servers: list[Server] = []
        for workers, port in zip(WORKERS, ports, strict=True):
            command = service_command(port, "--workers", str(workers))
            log, probe = Path(folder) / str(workers), flower_request(port).send
            servers.append(stack.enter_context(running_server(command, probe, log=log, core=CORES)))
        flowers, batches = [], []
        for _ in range(rounds):
            flowers.append(_gain(flower_request, ports, 32, seconds))
            batches.append(_gain(_batch_request, ports, MOST_LARGE, seconds))
        one, two = (server.pss_bytes() for server in servers)
    return [
        Ratio("2 workers to 1, one flower", flowers, "see workers.py"),
        Ratio(f"2 workers to 1, {BATCH} flowers", batches, "at least 1.8"),
        Ratio("memory (PSS) of 2 workers to 1", [two / one], "at most 1.25"),
    ]


def _batch_request(port: int) -> Request:
    body = json.dumps({"instances": [FLOWER] * BATCH}).encode()
    return Request(f"http://127.0.0.1:{port}/predict", body)


def _gain(
    request: Callable[[int], Request], ports: tuple[int, ...], connections: int, seconds: int
) -> float:
    requests = {str(count): request(port) for count, port in zip(WORKERS, ports, strict=True)}
    for each in requests.values():
        run_load(each, connections=connections, seconds=1, core=CORES)
    turns = take_turns(requests, connections=connections, seconds=seconds, core=CORES)
    one, two = (turns[str(count)].throughput for count in WORKERS)
    return two / one
