"""Signals to a real server: as process 1, at any time of its start, and while it drains."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from app.api.auth.keys import Scope, new_key
from tests import rest
from tests.keys import bearer, write_keys
from tests.process import Process, running_server, start_forked, wait_until
from tests.project import ROOT, SETOSA
from tests.restricted import skip_without
from tests.wire import open_request
from tests.workers import workers_of

# The kernel ignores signals without a handler for process 1.
AS_PROCESS_1 = ["unshare", "--pid", "--fork", "--kill-child"]
MODULE = ("app",)
ENTRY_POINT = ("-c", "from app.cli import main; main()")
SENT_BY_AN_IMPORT = """
import os, signal, sys
number, name = int(sys.argv.pop(1)), sys.argv.pop(1)

class Finder:
    def find_spec(self, wanted, *_):
        if wanted == name:
            os.kill(os.getpid(), number)

sys.meta_path.insert(0, Finder())
from app.cli import main
main()
"""


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("pythonjsonlogger", signal.SIGTERM),
        ("typer", signal.SIGINT),
        ("pydantic", signal.SIGTERM),
        ("torch", signal.SIGTERM),
        ("uvloop", signal.SIGINT),
    ],
)
def test_it_ends_with_0_whatever_is_being_imported(
    tmp_path: Path, name: str, number: signal.Signals
) -> None:
    skip_without("pid")
    script = ["-c", SENT_BY_AN_IMPORT, str(int(number)), name, "serve", "--port", "0"]
    log = tmp_path / "log"
    with log.open("wb") as stderr:
        command = [*AS_PROCESS_1, sys.executable, *script]
        assert subprocess.run(command, cwd=ROOT, stderr=stderr, timeout=120).returncode == 0
    # If the signal had been lost, a server would run.
    assert "running on" not in log.read_text()


def test_it_ends_with_0_while_torch_is_loaded() -> None:
    skip_without("pid")
    command = [*AS_PROCESS_1, sys.executable, "-m", "app", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as outer:
        try:
            wait_until(lambda: child_of(outer.pid))
            pid = int(child_of(outer.pid))
            wait_until(lambda: "libtorch" in Path(f"/proc/{pid}/maps").read_text())
            os.kill(pid, signal.SIGTERM)
            assert outer.wait(timeout=120) == 0
        finally:
            outer.kill()


def child_of(pid: int) -> str:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text()


@pytest.mark.parametrize(
    ("reached", "start", "workers"),
    [
        ("loaded version", ENTRY_POINT, "1"),
        ("loaded version", MODULE, "2"),
        ("running on", MODULE, "2"),
        ("Started server process", MODULE, "1"),
        ("Waiting for application startup", ENTRY_POINT, "2"),
    ],
)
def test_it_ends_with_0_at_each_step_of_its_start(
    tmp_path: Path, reached: str, start: tuple[str, ...], workers: str
) -> None:
    skip_without("pid")
    log, options = tmp_path / "log", ("serve", "--port", "0", "--workers", workers)
    with log.open("wb") as stderr:
        command = ("tests.restricted", "process_1", "--", *start, *options)
        outer = start_forked(*command, stderr=stderr.fileno())
    try:
        wait_until(lambda: reached in log.read_text())
        os.kill(int(child_of(outer.pid)), signal.SIGTERM)
        assert outer.wait(timeout=120) == 0
    finally:
        outer.kill()
    assert "Traceback" not in log.read_text()


def processes_of(service: Process) -> list[int]:
    return [service.process.pid, *workers_of(service)]


def says(service: Process, text: str, times: int = 1) -> Callable[[], bool]:
    return lambda: service.log.read_text().count(text) >= times


def status(service: Process, key: str) -> set[int]:
    """Enough connections for every worker to have some."""
    return {
        rest.post(f"{service.url}/predict", json=SETOSA, headers=bearer(key)).status_code
        for _ in range(16)
    }


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sighup_reloads_keys_and_the_others_are_nothing(tmp_path: Path, workers: str) -> None:
    file = tmp_path / "keys.toml"
    first, entry = new_key("one", [Scope.PREDICT], None)
    file.write_text(entry)
    options = ("--api-keys", str(file), "--workers", workers)
    with running_server(tmp_path / "log", *options) as service:
        wait_until(says(service, "startup complete", int(workers)))
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT, signal.SIGPIPE):
            for pid in processes_of(service):
                os.kill(pid, number)
        assert status(service, first) == {200}
        load = f"{service.url}/models/iris-model/load"
        assert rest.post(load, headers=bearer(first)).status_code == 403
        keys = write_keys(file)
        second = keys[Scope.PREDICT]
        service.process.send_signal(signal.SIGHUP)
        several = int(workers) + (workers != "1")
        wait_until(says(service, "keys are reloaded", several))
        assert status(service, second) == {200}
        assert status(service, first) == {401}
        assert rest.post(load, headers=bearer(keys[Scope.ADMIN])).status_code == 200
        for content, fault in (("[one]\nscopes = 1\n", "one."), ("\n", "blank")):
            file.write_text(content)
            service.process.send_signal(signal.SIGHUP)
            wait_until(says(service, f"keys stay as they were: {file}: {fault}", several))
            assert status(service, second) == {200}
        if workers != "1":
            os.kill(workers_of(service)[0], signal.SIGKILL)
            wait_until(says(service, "startup complete", 3))
            assert status(service, second) == {200}
        file.write_text("# none\n")
        service.process.send_signal(signal.SIGHUP)
        wait_until(says(service, "keys are reloaded", 2 * several))
        assert status(service, second) == {401}
        assert service.stop() == 0


def test_without_keys_sighup_is_nothing(tmp_path: Path) -> None:
    with running_server(tmp_path / "log") as service:
        service.process.send_signal(signal.SIGHUP)
        wait_until(says(service, "nothing to reload"))
        assert rest.post(f"{service.url}/predict", json=SETOSA).is_success
        assert service.stop() == 0


@pytest.mark.parametrize(
    ("sent", "workers", "to_all"),
    [(signal.SIGTERM, "1", False), (signal.SIGINT, "1", False), (signal.SIGINT, "2", True)],
)
def test_a_second_signal_ends_it_at_once_with_0(
    tmp_path: Path, sent: signal.Signals, workers: str, to_all: bool
) -> None:
    options = ("--workers", workers, "--drain-timeout-seconds", "600")
    with running_server(tmp_path / "log", *options) as service:
        wait_until(says(service, "startup complete", int(workers)))
        with open_request(service.url, json.dumps(SETOSA).encode()) as connection:
            assert rest.get(f"{service.url}/health/live").is_success
            for _ in range(2):
                for pid in processes_of(service) if to_all else [service.process.pid]:
                    os.kill(pid, sent)
                wait_until(says(service, ": draining", int(workers)))
            assert service.process.wait(timeout=120) == 0
            with suppress(ConnectionResetError):
                assert connection.recv(1) == b""
