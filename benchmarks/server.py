"""A server under test: any command, pinned to a core, timed to its first good answer."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.processes import Process, family

SERVER_CORE = 0
MARK = "BENCHMARK_SERVER"
POLL_SECONDS = 0.01
STOP_SECONDS = 20
ORPHAN_SECONDS = 2


class ServerFailed(Exception):
    """The server did not start, or its answer is wrong; the text ends with the end of its log."""


@dataclass(frozen=True)
class Server:
    """A server that has answered its probe once."""

    process: subprocess.Popen[bytes]
    mark: str
    start_seconds: float

    def family(self) -> list[Process]:
        """The server's process and all its descendants, on the same core."""
        return family(self.process.pid, self.mark)

    def pss_bytes(self) -> int:
        """Memory of all its processes; shared pages count once."""
        return sum(member.pss_bytes() for member in self.family())

    def anonymous_bytes(self) -> int:
        """The part that is not backed by files, independent of other processes."""
        return sum(member.anonymous_bytes() for member in self.family())


def free_ports(count: int) -> tuple[int, ...]:
    """Distinct free ports: all are held until the last is found."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return tuple(each.getsockname()[1] for each in sockets)


def free_port() -> int:
    return free_ports(1)[0]


@contextlib.contextmanager
def running_server(
    command: list[str],
    probe: Callable[[], object],
    *,
    log: Path,
    core: int | str = SERVER_CORE,
    cwd: Path | None = None,
    environment: dict[str, str] | None = None,
    timeout: float = 120.0,
) -> Iterator[Server]:
    """Start `command`; at the end, stop its process group and its descendants.

    `probe` raises httpx.HTTPError until the server gives a correct answer; other exceptions are
    passed on. `environment` extends that of this process. Output goes to the file `log`. Raises
    ServerFailed if the command ends, or `timeout` seconds pass, before that answer.
    """
    mark = uuid.uuid4().hex
    start = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "--cpu-list", str(core), *command],
            cwd=cwd,
            env=os.environ | (environment or {}) | {MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(process, probe, start + timeout, log)
        yield Server(process, mark, time.monotonic() - start)
    finally:
        _stop(process, mark)


def _wait(
    process: subprocess.Popen[bytes], probe: Callable[[], object], deadline: float, log: Path
) -> None:
    while True:
        with contextlib.suppress(httpx.HTTPError):
            probe()
            return
        if process.poll() is not None:
            raise ServerFailed(f"ended with status {process.returncode}: {_end(log)}")
        if time.monotonic() > deadline:
            raise ServerFailed(f"no good answer in time: {_end(log)}")
        time.sleep(POLL_SECONDS)


def _end(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").strip().splitlines()[-lines:])


def _stop(process: subprocess.Popen[bytes], mark: str) -> None:
    """Send SIGTERM to the process group, then SIGKILL to processes that remain."""
    members = family(process.pid, mark)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    deadline = time.monotonic() + ORPHAN_SECONDS
    while members := [m for m in {*members, *family(process.pid, mark)} if m.alive()]:
        if time.monotonic() > deadline:
            for member in members:
                member.kill()
        time.sleep(POLL_SECONDS)
    process.wait()
