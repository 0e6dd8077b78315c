"""`stateserve serve --workers 2`: one service, also when a worker dies."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests import rest
from tests.process import Process, forked, running_server, wait_until
from tests.project import ROOT, SETOSA
from tests.sockets import ask
from tests.wire import open_request, refuses
from tests.workers import has_ended, metric, metrics_directory, stopped, workers_of

SIGTERM_TO_THE_SUPERVISOR = (signal.SIGTERM, False)
CTRL_C_IN_A_TERMINAL = (signal.SIGINT, True)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """One service for all tests that do not end it, also after a worker is killed."""
    with running_server(tmp_path_factory.mktemp("workers") / "log", "--workers", "2") as running:
        wait_until(lambda: running.log.read_text().count("Application startup complete") == 2)
        yield running
        assert running.stop() == 0, running.log.read_text()


def answered_by(service: Process) -> int:
    """The worker that answered one prediction, on a new connection."""
    worker, answer = ask("POST", f"{service.url}/predict", workers_of(service), SETOSA)
    assert answer.json()["class"] == "setosa"
    return worker


def test_workers_answer_with_ids_that_have_nothing_in_common(service: Process) -> None:
    url, workers = f"{service.url}/health/live", workers_of(service)
    requests = [ask("GET", url, workers) for _ in range(64)]
    assert {worker for worker, _ in requests} == set(workers)
    ids = [answer.headers["x-request-id"] for _, answer in requests]
    assert len({each[:16] for each in ids}) == len({each[16:] for each in ids}) == len(ids)


def test_each_process_has_figures_of_its_own(service: Process) -> None:
    text = rest.get(f"{service.url}/metrics").text
    found = re.findall(r'^process_open_fds{process="([\w-]+)"} (\S+)$', text, re.MULTILINE)
    assert [name for name, _ in sorted(found)] == ["MainProcess", "worker-0", "worker-1"]
    assert all(float(count) > 3 for _, count in found)
    ids = re.findall(r'^process_id{pid="worker-\d"} (\S+)$', text, re.MULTILINE)
    assert {int(float(each)) for each in ids} == set(workers_of(service))


def test_metrics_are_the_sum_over_workers_dead_ones_included(service: Process) -> None:
    counted = 'predictions_total{class="setosa",model="iris-model"}'
    before = metric(service, counted)
    assert len({answered_by(service) for _ in range(32)}) == 2
    assert metric(service, counted) == before + 32
    assert metric(service, "worker_processes") == 2
    for killed in workers_of(service):
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda killed=killed: len(set(workers_of(service)) - {killed}) == 2)
        assert metric(service, counted) == before + 32
    assert len({answered_by(service) for _ in range(32)}) == 2
    assert metric(service, counted) == before + 64


def test_a_worker_that_was_told_to_end_is_replaced_by_one_that_answers(service: Process) -> None:
    """SIGTERM closes the worker's socket to new connections, and the next one has the same."""
    ended = workers_of(service)[0]
    os.kill(ended, signal.SIGTERM)
    wait_until(lambda: len(set(workers_of(service)) - {ended}) == 2)
    wait_until(lambda: len({answered_by(service) for _ in range(8)}) == 2)


def test_statistics_are_the_sum_over_workers(service: Process) -> None:
    def answered() -> int:
        (stats,) = rest.get(f"{service.url}/v2/models/stats").json()["model_stats"]
        times = stats["inference_stats"]
        assert times["queue"]["count"] == times["success"]["count"] <= stats["inference_count"]
        return times["success"]["count"]

    before = answered()
    assert len({answered_by(service) for _ in range(32)}) == 2
    # The counts of the other worker appear a few milliseconds later.
    wait_until(lambda: answered() == before + 32)


def test_connections_that_wait_outlive_the_workers(service: Process) -> None:
    body = json.dumps(SETOSA).encode()
    with stopped(*workers_of(service)):
        waiting = [open_request(service.url, body) for _ in range(8)]
        for worker in workers_of(service):
            os.kill(worker, signal.SIGKILL)
    for connection in waiting:
        with connection:
            connection.sendall(body[-1:])
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def test_a_worker_killed_under_load_loses_only_what_it_had(service: Process) -> None:
    victim, survivor = workers_of(service)
    clients, requests_each = 4, 100
    one_request_a_connection = httpx.Limits(max_keepalive_connections=0)

    def ask(number: int) -> int:
        lost = 0
        with rest.client(limits=one_request_a_connection, timeout=30) as client:
            for request in range(requests_each):
                if (number, request) == (0, requests_each // 3):
                    os.kill(victim, signal.SIGKILL)
                try:
                    answer = client.post(f"{service.url}/predict", json=SETOSA)
                except httpx.TransportError:
                    lost += 1
                    answer = client.post(f"{service.url}/predict", json=SETOSA)
                assert answer.json()["class"] == "setosa"
        return lost

    with ThreadPoolExecutor(clients) as pool:
        lost = list(pool.map(ask, range(clients)))
    # A client has one request at a time, so one at most was in that worker.
    assert max(lost) <= 1
    wait_until(lambda: len(set(workers_of(service)) - {victim}) == 2)
    assert survivor in workers_of(service)
    # Two processes wrote them, and each line is whole.
    records = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert any(record["message"].endswith("ended with SIGKILL") for record in records)


@pytest.mark.parametrize(("sent", "to_all"), [SIGTERM_TO_THE_SUPERVISOR, CTRL_C_IN_A_TERMINAL])
def test_a_signal_drains_every_worker_and_the_status_is_0(
    tmp_path: Path, sent: signal.Signals, to_all: bool
) -> None:
    body = json.dumps(SETOSA).encode()
    arguments = ("--workers", "2", "--drain-delay-seconds", "1")
    with running_server(tmp_path / "log", *arguments) as service:
        workers, supervisor = workers_of(service), service.process.pid
        directory = metrics_directory(supervisor)
        assert directory.is_dir()
        with open_request(service.url, body) as connection:
            assert rest.get(f"{service.url}/health/ready").is_success
            for pid in [supervisor, *workers] if to_all else [supervisor]:
                os.kill(pid, sent)
            wait_until(lambda: rest.get(f"{service.url}/health/ready").status_code == 503)
            wait_until(lambda: refuses(service.url))
            assert service.process.poll() is None
            connection.sendall(body[-1:])
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert service.process.wait(timeout=120) == 0
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer.lower()
    assert all(map(has_ended, workers))
    assert not directory.exists()


def test_a_second_signal_forces_the_end(tmp_path: Path) -> None:
    limits = ("--drain-delay-seconds", "0.5", "--drain-timeout-seconds", "600")
    arguments = ("--workers", "2", *limits)
    with (
        running_server(tmp_path / "log", *arguments) as service,
        open_request(service.url, json.dumps(SETOSA).encode()) as connection,
    ):
        assert rest.get(f"{service.url}/health/ready").is_success
        workers = workers_of(service)
        service.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses(service.url))
        assert service.process.poll() is None
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(timeout=120) == 0
        assert connection.recv(1) == b""
    assert all(map(has_ended, workers))


def test_a_worker_that_hangs_cannot_hold_up_the_end(tmp_path: Path) -> None:
    arguments = ("--workers", "2", "--drain-timeout-seconds", "1")
    with running_server(tmp_path / "log", *arguments) as service:
        assert rest.get(f"{service.url}/health/ready").is_success
        workers = workers_of(service)
        with stopped(workers[0]):
            assert service.stop() == 0
    assert all(map(has_ended, workers))


def test_no_worker_outlives_its_supervisor(tmp_path: Path) -> None:
    with running_server(tmp_path / "log", "--workers", "2") as service:
        assert rest.get(f"{service.url}/health/ready").is_success
        workers, directory = workers_of(service), metrics_directory(service.process.pid)
        service.process.kill()
        wait_until(lambda: all(map(has_ended, workers)))
    assert not directory.exists()


DIES_AT_START = """
import os, signal, sys
from pathlib import Path
from app.errors import WorkerError
from app.monitor.json_log import configure_logging
from app.main import create_app
from app.settings import Settings
from app.server.supervisor import Supervisor

async def die(scope, receive, send):
    os.kill(os.getpid(), signal.SIGKILL)

settings = Settings(model=Path(sys.argv[1]), port=0, workers=2)
app = create_app(settings)
app.middleware_stack = die
configure_logging("warning")
try:
    Supervisor(app, settings, sys.argv[2]).run()
except WorkerError as error:
    sys.exit(f"stateserve: {error}")
"""


def test_a_worker_that_dies_at_every_start_is_given_up(tmp_path: Path) -> None:
    model = ROOT / "models" / "iris-model.pth"
    result = subprocess.run(
        forked("-c", DIES_AT_START, model, tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        check=False,
    )
    assert result.returncode == 1
    *deaths, last = result.stderr.splitlines()
    assert last == "stateserve: a worker died 5 times before it could serve"
    said = [json.loads(line)["message"] for line in deaths]
    assert max(said.count(f"worker-{slot} ended with SIGKILL") for slot in (0, 1)) == 5
    assert len(deaths) <= 10


def memory_of(pid: int) -> dict[str, int]:
    """Memory in KiB by the kernel's names: Rss, Pss, Private_Dirty ..."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {name: int(size) for name, size in re.findall(r"(\w+): +(\d+) kB", rollup)}


def test_a_second_worker_adds_at_most_a_quarter_of_the_first(
    service: Process, server: Process
) -> None:
    assert len({answered_by(service) for _ in range(32)}) == 2
    assert rest.post(f"{server.url}/predict", json=SETOSA).is_success
    alone = memory_of(server.process.pid)["Rss"]
    # Memory that only this process holds, and that its end would free.
    second = memory_of(workers_of(service)[1])
    added = second["Private_Clean"] + second["Private_Dirty"]
    print(f"one process {alone} KiB; the second worker adds {added} KiB, {added / alone:.0%}")
    assert added <= alone / 4


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_second_service_is_refused_the_port(service: Process, workers: str) -> None:
    port = service.url.rpartition(":")[2]
    command = forked("app", "serve", "--workers", workers, "--port", port)
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=ROOT, check=False
    )
    assert result.returncode == 2
    *_, last = map(json.loads, result.stderr.splitlines())
    wanted = f"--port (STATESERVE_PORT): Address already in use: 127.0.0.1 port {port}"
    assert last["message"] == f"{wanted}; --port 0 picks a free one"
    assert "loaded version" not in result.stderr


def test_the_supervisor_has_one_thread_so_that_it_can_fork(service: Process) -> None:
    assert len(list(Path(f"/proc/{service.process.pid}/task").iterdir())) == 1
