"""A real `stateserve serve`: how it starts, refuses to start, and ends."""

import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import rest
from tests.process import Process, forked, running_server, start_forked, wait_until
from tests.project import ROOT, SETOSA
from tests.wire import open_request, refuses


def test_a_newcomers_question_is_answered(server: Process) -> None:
    answer = rest.post(f"{server.url}/predict", json=SETOSA).json()
    assert answer["class"] == "setosa"


def run_app(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        forked("app", *arguments),
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        check=False,
    )


def only_message(log: str) -> str:
    """The message of the only line of a log."""
    (line,) = log.splitlines()
    record = json.loads(line)
    assert record["level"] == "CRITICAL"
    return str(record["message"])


def test_a_bad_checkpoint_stops_the_start_in_one_line(write_model: Callable[..., Path]) -> None:
    path = write_model()
    path.write_bytes(path.read_bytes()[:1000])
    result = run_app("serve", "--port", "0", "--model", str(path))
    assert result.returncode == 1
    assert only_message(result.stderr).startswith(f"{path}: not a whole archive")


def test_the_factory_refuses_in_one_line_too(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("STATESERVE_MODEL", str(tmp_path / "absent.pth"))
    command = forked("uvicorn", "--factory", "app.main:create_app", "--port", "0")
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=ROOT, check=False
    )
    assert result.returncode == 1
    assert result.stderr == f"stateserve: {tmp_path}/absent.pth: No such file or directory\n"


def test_an_unknown_setting_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATESERVE_PROT", "8000")
    result = run_app("serve")
    assert result.returncode == 2
    assert only_message(result.stderr) == (
        "unknown setting STATESERVE_PROT; did you mean STATESERVE_PORT?"
    )


def test_an_unknown_option_stops_the_start_in_one_line() -> None:
    result = run_app("serve", "--prot", "8000")
    assert result.returncode == 2
    message = only_message(result.stderr)
    assert message == "no option --prot; did you mean --port? (stateserve serve --help)"


def test_the_log_is_json_with_the_request_id(tmp_path: Path) -> None:
    with running_server(tmp_path / "log") as running:
        rest.get(f"{running.url}/model", headers={"X-Request-ID": "abc"})
        assert running.stop() == 0
    (request,) = running.records(message="request", request_id="abc")
    assert (request["method"], request["path"], request["status"]) == ("GET", "/model", 200)


def test_sigterm_finishes_what_is_in_flight_and_exits_0(tmp_path: Path) -> None:
    body = json.dumps(SETOSA).encode()
    with (
        running_server(tmp_path / "log", "--drain-delay-seconds", "1") as running,
        open_request(running.url, body) as connection,
    ):
        assert rest.get(f"{running.url}/health/ready").is_success
        running.process.send_signal(signal.SIGTERM)
        wait_until(lambda: rest.get(f"{running.url}/health/ready").status_code == 503)
        assert rest.post(f"{running.url}/predict", json=SETOSA).is_success
        wait_until(lambda: refuses(running.url))
        connection.sendall(body[-1:])
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert running.process.wait(timeout=120) == 0
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"class":"setosa"' in answer


def test_sigterm_under_load_loses_no_request(tmp_path: Path) -> None:
    answered: list[int] = []

    def ask_until_told_to_leave(url: str) -> None:
        with rest.client() as client:
            while True:
                answer = client.post(f"{url}/predict", json=SETOSA)
                answered.append(answer.status_code)
                if answer.headers.get("connection") == "close":
                    return

    with running_server(tmp_path / "log", "--drain-delay-seconds", "1") as running:
        with ThreadPoolExecutor(8) as pool:
            clients = [pool.submit(ask_until_told_to_leave, running.url) for _ in range(8)]
            wait_until(lambda: len(answered) >= 50)
            running.process.send_signal(signal.SIGTERM)
            for client in clients:
                client.result(timeout=30)
        assert running.process.wait(timeout=120) == 0
    assert set(answered) == {200}
    records = [json.loads(line) for line in running.log.read_text().splitlines()]
    predicted = [record for record in records if record.get("path") == "/predict"]
    assert [record["status"] for record in predicted] == answered


def test_clients_that_leave_mid_batch_harm_nobody(server: Process) -> None:
    body = json.dumps(SETOSA).encode()
    connections = [open_request(server.url, body) for _ in range(100)]
    for connection in connections:
        connection.sendall(body[-1:])
    for connection in connections[::2]:
        # Closed with a reset, so that no client reads.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    for connection in connections[1::2]:
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.close()


def test_a_client_that_leaves_mid_body_harms_nobody(server: Process) -> None:
    before = count_left(server)
    open_request(server.url, json.dumps(SETOSA).encode()).close()
    assert rest.post(f"{server.url}/predict", json=SETOSA).is_success
    wait_until(lambda: count_left(server) == before + 1)


def count_left(server: Process) -> float:
    """The number of clients of /predict that left, over all tests that share the server."""
    line = 'http_requests_total{method="POST",route="/predict",status="499"} '
    text = rest.get(f"{server.url}/metrics").text
    return sum(float(each.removeprefix(line)) for each in text.splitlines() if line in each)


def test_a_terminal_shows_what_is_served_and_each_request_as_text() -> None:
    ours, theirs = pty.openpty()
    running = start_forked("app", "serve", "--port", "0", "--demo", stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        with os.fdopen(ours, encoding="utf-8") as screen:
            begun = "".join(iter(screen.readline, "Ctrl-C stops it\n"))
            url = re.search(r"page  (http://127\.0\.0\.1:\d+)\n", begun)
            assert url is not None
            assert f"API   {url[1]}/docs\n" in begun
            assert "iris-model 1  4 features -> 3 classes; numpy, the default\n" in begun
            assert rest.get(f"{url[1]}/models/nothing").status_code == 404
            assert re.search(r"404\S* GET /models/nothing .* ms", screen.readline())
            running.send_signal(signal.SIGINT)
            assert running.wait(60) == 0
            assert screen.readline().endswith("SIGINT: draining\n")
    finally:
        running.kill()
