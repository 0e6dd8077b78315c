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
# captum and SQLAlchemy are imported at the first need.
SERVING = (
    *("app.api.app", "app.cli.run", "app.server.server", "app.server.supervisor"),
    *("captum.attr", "sqlalchemy"),
)
# What a training imports late: torch._dynamo for its optimizer takes seconds.
TRAINING = ("training.command", "torch._dynamo", "matplotlib.backends.backend_agg")
# Before a test changes it.
TEMPORARY = tempfile.gettempdir()


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


def forked(program: object, *arguments: object) -> list[str]:
    """The command line of a fork of `stateserve`, or of Python with a module, a script or `-c`.

    With "train" as an argument, or training as its program, it is one that has imported training.
    """
    trains = {"train", "training"} & {program, *arguments}
    server = _preloaded(TRAINING if trains else SERVING)
    script = str(ROOT / "tests" / "forked.py")
    return [sys.executable, "-IS", script, server, *map(str, (program, *arguments))]


def start_forked(*command: str, stdout: int = 1, stderr: int = 2, cwd: Path = ROOT) -> Forked:
    """The same without the process of a command line: its standard streams are descriptors."""
    return Forked(_preloaded(SERVING), command, str(cwd), [0, stdout, stderr])


@functools.cache
def _preloaded(modules: tuple[str, ...]) -> str:
    """The socket of the process that has imported them; starts it if there is none.

    All processes of pytest-xdist share it; it ends soon after the process that started them.
    """
    run, session = os.environ.get("PYTEST_XDIST_TESTRUNUID"), os.getppid()
    if run is None:
        run, session = f"alone-{os.getpid()}", os.getpid()
    path = Path(TEMPORARY) / f"preloaded-{run[-12:]}-{modules[0]}" / "socket"
    try:
        path.parent.mkdir()
    except FileExistsError:
        wait_until(path.exists)
        return str(path)
    with socket.socket(socket.AF_UNIX) as listener:
        # It has its name when others can connect to it.
        listener.bind(f"{path}.new")
        listener.listen(64)
        path.with_name("socket.new").rename(path)
        command = [sys.executable, "-P", "-m", "tests.preloaded", str(session), str(path), *modules]
        as_input = [(os.POSIX_SPAWN_DUP2, listener.fileno(), 0)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        os.posix_spawn(sys.executable, command, environment, file_actions=as_input)
    return str(path)


@contextmanager
def running_server(
    log: Path,
    *arguments: str,
    python: tuple[str, ...] = (),
    restriction: tuple[str, ...] = (),
    cwd: Path = ROOT,
) -> Iterator[Process]:
    """`stateserve serve` on a free port, ready when its log names the address.

    A fork of one process for all tests, with a restriction of `tests.restricted` if one is given;
    with `python` a process that this command starts.
    """
    command = ("app", "serve", "--port", "0", *arguments)
    if restriction:
        command = ("tests.restricted", *restriction, "--", *command)
    log.write_bytes(b"")
    process: subprocess.Popen[bytes] | Forked
    with log.open("ab") as stderr:
        if python:
            process = subprocess.Popen([*python, "-m", *command], cwd=cwd, stderr=stderr)
        else:
            process = start_forked(*command, stderr=stderr.fileno(), cwd=cwd)
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
