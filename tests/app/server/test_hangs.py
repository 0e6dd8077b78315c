"""A worker is replaced if its event loop is blocked, and not because of a long computation."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest

from tests import rest
from tests.process import Process, start_forked, wait_until
from tests.project import IRIS, SETOSA
from tests.workers import has_ended, metric, state_of, workers_of

# Long enough that two busy cores do not count as a hang.
TIMEOUT = 4.0
# Two additional paths: one blocks the event loop, one a thread.
SLOW = """
import asyncio, multiprocessing, os, sys, time
from pathlib import Path
from app.monitor.json_log import configure_logging
from app.main import create_app
from app.monitor.metric_files import share_counts
from app.settings import Settings
from app.server.supervisor import Supervisor

model, folder, timeout = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
configure_logging("info")
share_counts(str(folder), lambda: multiprocessing.current_process().name)
settings = Settings(model=model, port=0, workers=2, worker_timeout_seconds=timeout)
app = create_app(settings, folder)
inner = app.middleware_stack

async def slow(scope, receive, send):
    if scope.get("path") in ("/block", "/compute"):
        (folder / scope["path"][1:]).write_text(str(os.getpid()))
        if scope["path"] == "/block":
            time.sleep(600)
        await asyncio.to_thread(time.sleep, 2.5 * timeout)
    await inner(scope, receive, send)

app.middleware_stack = slow
Supervisor(app, settings, str(folder)).run()
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("hangs")
    log = folder / "log"
    with log.open("wb") as stderr:
        command = ("-c", SLOW, str(IRIS), str(folder), str(TIMEOUT))
        process = start_forked(*command, stderr=stderr.fileno())
    try:
        wait_until(lambda: re.search(r"running on (http://[\d.]+:\d+)", log.read_text()))
        wait_until(lambda: log.read_text().count("Application startup complete") == 2)
        url = re.search(r"running on (http://[\d.]+:\d+)", log.read_text())[1]
        running = Process(process, url, log)
        yield running
        assert running.stop() == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


def hung(service: Process) -> float:
    return metric(service, 'worker_restarts_total{reason="hung"}')


def require_replaced(service: Process, pid: int) -> None:
    wait_until(lambda: has_ended(pid))
    wait_until(lambda: len(set(workers_of(service)) - {pid}) == 2)
    assert "hangs: no sign of it for 4 s; killed" in service.log.read_text()
    assert rest.post(f"{service.url}/predict", json=SETOSA, timeout=30).is_success


def test_a_worker_that_is_stopped_is_replaced_and_counted(service: Process) -> None:
    victim = workers_of(service)[0]
    os.kill(victim, signal.SIGSTOP)
    wait_until(lambda: state_of(victim) == "T")
    # The kernel gives some of these to the blocked worker; its successor answers them.
    with ThreadPoolExecutor(16) as pool:
        requests = [
            pool.submit(rest.post, f"{service.url}/predict", json=SETOSA, timeout=60)
            for _ in range(16)
        ]
        require_replaced(service, victim)
        assert all(each.result().is_success for each in requests)
    assert hung(service) == 1


def test_a_worker_whose_event_loop_is_blocked_is_replaced(service: Process) -> None:
    before, place = hung(service), service.log.with_name("block")
    with ThreadPoolExecutor(1) as pool:
        request = pool.submit(_ask, f"{service.url}/block")
        wait_until(place.exists)
        require_replaced(service, int(place.read_text()))
        request.result()
    assert hung(service) == before + 1


def _ask(url: str) -> None:
    # A request in a killed worker gets no answer.
    with suppress(httpx.TransportError):
        rest.get(url, timeout=60)


def test_a_long_computation_in_a_thread_is_no_hang(service: Process) -> None:
    before = hung(service)
    answer = rest.get(f"{service.url}/compute", timeout=60)
    # No such route, but answered after more than two timeouts.
    assert answer.status_code == 404
    assert int(service.log.with_name("compute").read_text()) in workers_of(service)
    assert hung(service) == before


def test_a_standstill_of_all_processes_is_no_hang(service: Process) -> None:
    before, workers = hung(service), workers_of(service)
    everybody = [*workers, service.process.pid]
    for pid in everybody:
        os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: {state_of(pid) for pid in everybody} == {"T"})
    with suppress(subprocess.TimeoutExpired):
        service.process.wait(timeout=2 * TIMEOUT)
    # The supervisor first: it finds the others unchanged.
    for pid in reversed(everybody):
        os.kill(pid, signal.SIGCONT)
    assert rest.post(f"{service.url}/predict", json=SETOSA, timeout=30).is_success
    with suppress(subprocess.TimeoutExpired):
        service.process.wait(timeout=TIMEOUT / 2)
    assert (hung(service), workers_of(service)) == (before, workers)
