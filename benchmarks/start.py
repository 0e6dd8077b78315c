"""Start and memory: the service relative to a process that only imports its libraries."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.processes import Process
from benchmarks.ratio import Ratio
from benchmarks.request import flower_request
from benchmarks.server import SERVER_CORE, free_port, running_server
from benchmarks.single import service_command

IMPORTS = "import torch, fastapi, uvicorn; print(flush=True); input()"


def measure(rounds: int) -> list[Ratio]:
    times, sizes = [], []
    for _ in range(rounds):
        bare_seconds, bare_bytes = _bare()
        port = free_port()
        probe = flower_request(port)
        with (
            tempfile.TemporaryDirectory() as folder,
            running_server(service_command(port), probe.send, log=Path(folder) / "log") as server,
        ):
            times.append(server.start_seconds / bare_seconds)
            sizes.append(server.pss_bytes() / bare_bytes)
    return [
        Ratio("first answer to the bare imports", times, "at most 1.4"),
        Ratio("memory (PSS) to the bare imports", sizes, "at most 1.15"),
    ]


def _bare() -> tuple[float, int]:
    command = ["taskset", "--cpu-list", str(SERVER_CORE), sys.executable, "-c", IMPORTS]
    start = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()  # type: ignore[union-attr]
        seconds = time.monotonic() - start
        size = Process.read(process.pid).pss_bytes()
        process.kill()
    return seconds, size
