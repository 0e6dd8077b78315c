"""Start, check, warm up, load and stop one contender: the figures of one round."""

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import Load, run_load
from benchmarks.peers.contender import VENVS, Contender
from benchmarks.server import SERVER_CORE, ServerFailed, free_ports, running_server

# TorchServe needs most of it: Java compiles during the first thousands of requests.
WARM_UP_SECONDS = 5


@dataclass(frozen=True)
class Measurement:
    """One run of wrk against one fresh server process."""

    name: str
    round: int
    connections: int
    load: Load
    start_seconds: float
    pss_bytes: int


def log_path(contender: Contender) -> Path:
    return VENVS / f"{contender.name.replace(' ', '-')}.log"


def measure(contender: Contender, round: int, seconds: int) -> list[Measurement]:
    """Raises ServerFailed or LoadFailed."""
    ports = free_ports(5)
    request = contender.request(ports[0])
    VENVS.mkdir(exist_ok=True)
    with running_server(
        shlex.split(contender.fill(contender.start, ports)),
        request.send,
        log=log_path(contender),
        cwd=contender.folder,
        environment=contender.variables(ports),
    ) as server:
        contender.require_right_answer(request.send())
        run_load(request, connections=contender.connections[0], seconds=WARM_UP_SECONDS)
        loads = {
            connections: run_load(request, connections=connections, seconds=seconds)
            for connections in contender.connections
        }
        contender.require_right_answer(request.send())
        _require_one_core(member.pid for member in server.family())
        pss = server.pss_bytes()
    return [
        Measurement(contender.name, round, connections, load, server.start_seconds, pss)
        for connections, load in loads.items()
    ]


def _require_one_core(pids: Iterator[int]) -> None:
    for pid in pids:
        try:
            cores = os.sched_getaffinity(pid)
        except ProcessLookupError:
            continue
        if cores != {SERVER_CORE}:
            raise ServerFailed(f"process {pid} left core {SERVER_CORE} for {sorted(cores)}")
