"""Load from wrk, pinned to its own core, so that it takes no time from the server."""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks.request import Request

SCRIPT = Path(__file__).with_suffix(".lua")
LOAD_CORE = 1
# A later answer counts as a timeout; wrk's default of 2 s would fail a slow peer's large batch.
TIMEOUT_SECONDS = 10


class LoadFailed(Exception):
    """wrk itself failed; the text is its output."""


@dataclass(frozen=True)
class Load:
    """The result of one run of wrk. Times are milliseconds from a request to its answer.

    `behind_ms`: the largest delay of a request of a paced load, because no connection was free.
    """

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    bad_statuses: int
    socket_errors: int
    behind_ms: float = 0

    @classmethod
    def parse(cls, output: str) -> Self:
        """Parse the output of wrk: its own text, then the line of JSON from load.lua."""
        reports = [line for line in output.splitlines() if line.startswith("{")]
        if not reports:
            raise LoadFailed(output.strip() or "wrk printed nothing")
        report = json.loads(reports[-1])
        kinds = ("connect_errors", "read_errors", "write_errors", "timeouts")
        return cls(
            requests=report["requests"],
            seconds=report["microseconds"] / 1e6,
            p50_ms=report["p50"] / 1e3,
            p99_ms=report["p99"] / 1e3,
            bad_statuses=report["bad_statuses"],
            socket_errors=sum(report[kind] for kind in kinds),
            behind_ms=report["behind"] / 1e3,
        )

    @property
    def throughput(self) -> float:
        """Answers a second with a status below 400."""
        return (self.requests - self.bad_statuses) / self.seconds

    @property
    def fault(self) -> str:
        """The reason not to trust the figures; empty if every request was answered correctly."""
        faults = []
        if self.bad_statuses:
            faults.append(f"{self.bad_statuses} of {self.requests} answers not 2xx")
        if self.socket_errors:
            faults.append(f"{self.socket_errors} socket errors")
        if not self.requests:
            faults.append("no request was answered")
        return ", ".join(faults)


def run_load(
    request: Request,
    *,
    connections: int,
    seconds: int,
    core: int | str = LOAD_CORE,
    rate: float = 0,
) -> Load:
    """Keep `connections` requests in flight for `seconds`, for any behaviour of the server.

    With a `rate`, so many requests a second are sent as long as a connection is free, even if
    earlier ones are not answered. Raises LoadFailed if wrk cannot run or connect.
    """
    with tempfile.NamedTemporaryFile() as body:
        body.write(request.body)
        body.flush()
        headers = [f"{name}: {value}" for name, value in request.headers.items()]
        command = ["taskset", "--cpu-list", str(core), "wrk", "--threads", "1"]
        command += ["--connections", str(connections), "--duration", f"{seconds}s"]
        command += ["--timeout", f"{TIMEOUT_SECONDS}s", "--script", str(SCRIPT), request.url]
        command += ["--", request.method, body.name, str(rate), *headers]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=seconds + 3 * TIMEOUT_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LoadFailed(str(error)) from None
    if done.returncode:
        raise LoadFailed((done.stderr or done.stdout).strip())
    return Load.parse(done.stdout)
