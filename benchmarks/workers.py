"""Two worker processes against one, on both cores: throughput and memory.

The load takes its share of the same two cores. Of a single flower wrk's share is a third of the
service's own, so that no second worker could bring 1.8 times one; of 300 flowers in a request
it is a twentieth.
"""

import json
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.load import run_load
from benchmarks.ratio import Ratio
from benchmarks.request import FLOWER, Request, flower_request
from benchmarks.server import Server, free_ports, running_server
from benchmarks.single import service_command

CORES = "0,1"
# A process takes so many large requests at a time (max_large_requests).
MOST_LARGE = 8
BATCH = 300
WORKERS = (1, 2)


def measure(rounds: int, seconds: int) -> list[Ratio]:
    """Both services run throughout, and take turns."""
    ports = free_ports(len(WORKERS))
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        servers: list[Server] = []
        for workers, port in zip(WORKERS, ports, strict=True):
            command = service_command(port, "--workers", str(workers))
            log, probe = Path(folder) / str(workers), flower_request(port).send
            servers.append(stack.enter_context(running_server(command, probe, log=log, core=CORES)))
        flowers, batches = [], []
        for _ in range(rounds):
            flowers.append(_throughputs(map(flower_request, ports), 32, seconds))
            batches.append(_throughputs(map(_batch_request, ports), MOST_LARGE, seconds))
        one, two = (server.pss_bytes() for server in servers)
    return [
        Ratio("2 workers to 1, one flower", [b / a for a, b in flowers], "see workers.py"),
        Ratio(f"2 workers to 1, {BATCH} flowers", [b / a for a, b in batches], "at least 1.8"),
        Ratio("memory (PSS) of 2 workers to 1", [two / one], "at most 1.25"),
    ]


def _batch_request(port: int) -> Request:
    body = json.dumps({"instances": [FLOWER] * BATCH}).encode()
    return Request(f"http://127.0.0.1:{port}/predict", body)


def _throughputs(requests: "map[Request]", connections: int, seconds: int) -> list[float]:
    found = []
    for request in requests:
        run_load(request, connections=connections, seconds=1, core=CORES)
        load = run_load(request, connections=connections, seconds=seconds, core=CORES)
        if load.fault:
            raise SystemExit(f"workers: {load.fault}")
        found.append(load.throughput)
    return found
