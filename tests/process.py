"""A real server process. This module imports nothing of the service, to be fast."""

import functools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.forked import Forked
from tests.project import ROOT

# A limit for hangs, not for speed: a busy machine may be slow.
HANG_SECONDS = 120
SERVING = ("app.api.app", "app.cli.run", "app.server.server", "app.server.workers")


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + HANG_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@dataclass
class Process:
    """A running `stateserve serve`; its log is a file, because an unread pipe would block."""

    process: subprocess.Popen[bytes] | Forked
    url: str
    log: Path

    def records(self, **fields: object) -> list[dict[str, Any]]:
        """The complete log lines that have these fields."""
        whole = self.log.read_text().rpartition("\n")[0]
        records: Iterator[dict[str, Any]] = map(json.loads, whole.splitlines())
        return [each for each in records if fields.items() <= each.items()]

    def wait_for_record(self, **fields: object) -> dict[str, Any]:
        """The only log line with these fields; waits for the thread that writes it."""
        wait_until(lambda: self.records(**fields))
        (record,) = self.records(**fields)
        return record

    def stop(self) -> int:
        """Send SIGTERM; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=HANG_SECONDS)


def forked(program: str, *arguments: object) -> list[str]:
    """The command line of a fork of `stateserve`, or of `python -m` with app or training."""
    server = _preloaded(("training.__main__",) if program == "training" else SERVING)
    script = str(ROOT / "tests" / "forked.py")
    return [sys.executable, "-IS", script, server, program, *map(str, arguments)]


@functools.cache
def _preloaded(modules: tuple[str, ...]) -> str:
    """Start the process that has imported them; returns its socket. It ends soon after this one."""
    path = f"{tempfile.mkdtemp(prefix='preloaded-')}/socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        command = [sys.executable, "-P", "-m", "tests.preloaded", path, *modules]
        as_input = [(os.POSIX_SPAWN_DUP2, listener.fileno(), 0)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        os.posix_spawn(sys.executable, command, environment, file_actions=as_input)
    return path


@contextmanager
def running_server(
    log: Path, *arguments: str, python: tuple[str, ...] = (), cwd: Path = ROOT
) -> Iterator[Process]:
    """`stateserve serve` on a free port, ready when its log names the address.

    A fork of one process for all tests; with `python` a process that this command starts.
    """
    process = _start(python, log, ("--port", "0", *arguments), cwd)
    deadline = time.monotonic() + HANG_SECONDS
    try:
        while not (match := re.search(r"running on ([^ \"]+)", log.read_text())):
            assert time.monotonic() < deadline, log.read_text()
            assert process.poll() is None, log.read_text()
            time.sleep(0.01)
        yield Process(process, match[1], log)
    finally:
        process.kill()
        process.wait()


def _start(
    python: tuple[str, ...], log: Path, arguments: tuple[str, ...], cwd: Path
) -> subprocess.Popen[bytes] | Forked:
    log.write_bytes(b"")
    with log.open("ab") as stderr:
        command = ["app", "serve", *arguments]
        if not python:
            return Forked(_preloaded(SERVING), command, str(cwd), [0, 1, stderr.fileno()])
        return subprocess.Popen([*python, "-m", *command], cwd=cwd, stderr=stderr)
