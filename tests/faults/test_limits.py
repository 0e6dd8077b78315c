"""Where the system allows few processes and threads: one line at the start, 503 afterwards."""

import json
import os
import re
import resource
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests import rest
from tests.process import Process, forked, running_server, wait_until
from tests.project import ROOT, SETOSA
from tests.workers import workers_of

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
ENOUGH = 40
RESTRICTION = ("few_processes", str(ENOUGH))


@contextmanager
def no_more_processes(server: Process) -> Iterator[None]:
    """Another process of the server's user takes all that this user may have."""
    user = Path(f"/proc/{server.process.pid}").stat().st_uid
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.setresuid(user, user, user)
        # More than the server may have, also when one of its workers has ended.
        resource.setrlimit(resource.RLIMIT_NPROC, (2 * ENOUGH, 2 * ENOUGH))
        with suppress(RuntimeError):
            while True:
                threading.Thread(target=signal.pause, daemon=True).start()
        os.write(writer, b"full")
        signal.pause()
    try:
        assert os.read(reader, 4) == b"full"
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize(
    ("count", "workers", "reason"),
    [
        (3, 1, "a process can start 2 threads here, and a server needs 5; is there a limit of"),
        # A process for each worker, or the threads of a worker.
        (6, 8, "no process for worker-. of 8 workers: Res|a worker died 5 times before it could"),
    ],
)
def test_too_few_processes_at_the_start_are_an_error(count: int, workers: int, reason: str) -> None:
    command = forked("tests.restricted", "few_processes", count, "--")
    options = ("--port", "0", "--workers", str(workers))
    done = subprocess.run(
        [*command, "app", "serve", *options], check=False, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    messages = [json.loads(line)["message"] for line in done.stderr.splitlines()]
    assert any(re.match(reason, message) for message in messages), messages


def test_without_a_thread_a_request_gets_503_and_later_an_answer(tmp_path: Path) -> None:
    with running_server(tmp_path / "log", restriction=RESTRICTION) as server:
        with no_more_processes(server):
            refused = rest.get(f"{server.url}/model")
            assert rest.post(f"{server.url}/predict", json=SETOSA).is_success
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert refused.json()["detail"].startswith("the system starts no more threads")
        assert rest.get(f"{server.url}/model").is_success
        assert server.stop() == 0
        assert "Traceback" not in server.log.read_text()


def test_a_worker_that_cannot_be_forked_is_forked_later(tmp_path: Path) -> None:
    with running_server(tmp_path / "log", "--workers", "2", restriction=RESTRICTION) as server:
        wait_until(lambda: len(workers_of(server)) == 2)
        with no_more_processes(server):
            os.kill(workers_of(server)[0], signal.SIGKILL)
            wait_until(lambda: "no process for worker-" in server.log.read_text())
        wait_until(lambda: len(workers_of(server)) == 2)
        assert server.stop() == 0
