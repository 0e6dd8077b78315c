"""Requests sent before the end are answered, wherever they wait at SIGTERM."""

import json
import os
import signal
import socket
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import pytest

from tests.process import Process, running_server
from tests.project import SETOSA
from tests.workers import stopped, workers_of

BODY = json.dumps(SETOSA).encode()
HEAD = (
    "POST /predict HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
    f"Content-Length: {len(BODY)}\r\n\r\n"
).encode()
REQUEST = HEAD + BODY


def connect(service: Process) -> socket.socket:
    host, port = service.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def read_to_the_end(connection: socket.socket) -> list[bytes]:
    """Every answer until the server closes; raises an error if it resets instead."""
    answers = b"".join(iter(lambda: connection.recv(65536), b"")).split(b"HTTP/1.1 ")[1:]
    assert all(b"connection: close" not in answer for answer in answers[:-1])
    assert b"connection: close" in answers[-1]
    return [answer[:3] for answer in answers]


def ask(connection: socket.socket, request: bytes = REQUEST) -> None:
    connection.sendall(request)
    assert connection.recv(65536).startswith(b"HTTP/1.1 200")


# The bytes sent before SIGTERM, the bytes sent after it, and the number of requests.
CASES = {
    "whole": (REQUEST, b"", 1),
    "pipelined": (3 * REQUEST, b"", 3),
    "half a head": (HEAD[:30], REQUEST[30:], 1),
    "half a body": (REQUEST[:-1], REQUEST[-1:], 1),
}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_was_sent_before_sigterm_is_answered(tmp_path: Path, workers: str) -> None:
    with (
        running_server(tmp_path / "log", "--workers", workers) as service,
        ExitStack() as connections,
    ):

        def connect_some(count: int) -> list[socket.socket]:
            return [connections.enter_context(connect(service)) for _ in range(count)]

        kept = {case: connect_some(5) for case in CASES}
        for connection in chain(*kept.values()):
            ask(connection)
        processes = [service.process.pid, *(workers_of(service) if workers != "1" else ())]
        with stopped(*processes):
            new = {case: connect_some(10) for case in CASES}
            for case, connection in cases_of(kept) + cases_of(new):
                connection.sendall(CASES[case][0])
            for process in processes:
                os.kill(process, signal.SIGTERM)
        for case, connection in cases_of(kept) + cases_of(new):
            _, rest, count = CASES[case]
            connection.sendall(rest)
            assert read_to_the_end(connection) == [b"200"] * count, case
        assert service.process.wait(timeout=120) == 0


def cases_of(connections: dict[str, list[socket.socket]]) -> list[tuple[str, socket.socket]]:
    return [(case, connection) for case in connections for connection in connections[case]]
