"""`stateserve serve` as a fork of a process that has imported it, which saves seconds."""

import contextlib
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

from tests.project import ROOT


class Forked:
    """The part of subprocess.Popen that tests use."""

    def __init__(self, arguments: tuple[str, ...], cwd: Path, log: Path) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.preloaded"])
        given = arguments, dict(os.environ), cwd, log
        # The service names its processes in its metrics as Python does.
        self._process = context.Process(target=_serve, args=given, name="MainProcess")
        # The first process finds the packages by this variable.
        with contextlib.chdir(ROOT):
            self._process.start()
        self.pid = self._process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("stateserve serve", timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()


def _serve(arguments: tuple[str, ...], environment: dict[str, str], cwd: Path, log: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    with log.open("ab") as stderr:
        os.dup2(stderr.fileno(), sys.stderr.fileno())
    sys.argv = ["app", "serve", *arguments]
    from app.cli import main

    main()
