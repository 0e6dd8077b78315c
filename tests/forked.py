"""A command of the project as a fork of a process that has imported it: `tests/preloaded.py`.

As a script: `python -IS tests/forked.py SERVER PROGRAM ARGUMENTS`; for this it imports little.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable


class Forked:
    """The part of subprocess.Popen that tests use."""

    def __init__(self, server: str, command: Iterable[str], cwd: str, streams: list[int]) -> None:
        request = {"command": [*command], "environment": {**os.environ}, "cwd": cwd}
        line = json.dumps(request).encode() + b"\n"
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(server)
        self._connection.sendall(line[socket.send_fds(self._connection, [line], streams) :])
        self.returncode: int | None = None
        self.pid = int.from_bytes(self._connection.recv(4))

    def poll(self) -> int | None:
        try:
            return self.wait(timeout=0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self._connection.settimeout(timeout)
            try:
                status = self._connection.recv(4)
            except (BlockingIOError, TimeoutError):
                raise subprocess.TimeoutExpired("a fork", timeout or 0) from None
            self._connection.close()
            self.returncode = int.from_bytes(status, signed=True)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)
        # It closes the connection: an open one would be an error of a later test.
        self.wait()


if __name__ == "__main__":
    cwd = os.getcwd()  # noqa: PTH109 - pathlib takes as long to import as the rest of this module
    sys.exit(Forked(sys.argv[1], sys.argv[2:], cwd, [0, 1, 2]).wait())
