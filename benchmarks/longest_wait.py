"""How long others wait at most while a large body is read, answered or refused.

A prober asks GET /health/live every 10 ms, over a connection of its own.
"""

import http.client
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.large_bodies import GRPC, LargeBody, large_bodies
from benchmarks.ratio import Ratio, timed
from benchmarks.request import flower_request
from benchmarks.server import free_ports, running_server
from benchmarks.single import service_command

PERIOD_SECONDS = 0.01
TIMEOUT_SECONDS = 120
GOOD_MS, REFUSED_MS = 250, 100
TOKEN = "benchmark-admin-token"  # noqa: S105
ASK = b"GET /health/live HTTP/1.1\r\nHost: prober\r\n\r\n"


class Prober:
    """Asks in a thread until `stop`, which returns the longest wait in seconds."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
        self._stopped = threading.Event()
        self._longest = 0.0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> float:
        self._stopped.set()
        self._thread.join()
        self._socket.close()
        return self._longest

    def _run(self) -> None:
        # The last one begins after the body's end: freeing it counts.
        while not self._stopped.wait(PERIOD_SECONDS):
            self._longest = max(self._longest, timed(self._ask))
        self._longest = max(self._longest, timed(self._ask))

    def _ask(self) -> None:
        self._socket.sendall(ASK)
        if not self._socket.recv(4096).startswith(b"HTTP/1.1 200"):
            raise ConnectionError("the prober was not answered")


def measure() -> list[Ratio]:
    port, grpc_port = free_ports(2)
    options = ["--grpc-port", str(grpc_port)] if find_spec("grpc") else []
    command = service_command(port, "--admin-token", TOKEN, *options)
    waits: list[Ratio] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(command, flower_request(port).send, log=Path(folder) / "log"),
    ):
        _wait(port, lambda: time.sleep(1))
        waits.append(_line("nothing", REFUSED_MS, _wait(port, lambda: time.sleep(1))))
        for body in large_bodies():
            if body.path != GRPC or options:
                content = body.make()
                send = _send(body, content, port, grpc_port)
                goal = GOOD_MS if body.good else REFUSED_MS
                waits.append(_line(f"{body.name}, to {body.path}", goal, _wait(port, send)))
    return waits


def _line(beside: str, goal: int, seconds: float) -> Ratio:
    return Ratio(f"longest wait in ms beside {beside}", [1000 * seconds], f"at most {goal}")


def _wait(port: int, send: Callable[[], object]) -> float:
    prober = Prober(port)
    try:
        send()
        # What is freed after the answer is waited for, too.
        time.sleep(5 * PERIOD_SECONDS)
    finally:
        longest = prober.stop()
    return longest


def _send(body: LargeBody, content: bytes, port: int, grpc_port: int) -> Callable[[], None]:
    def send() -> None:
        status = _call(content, grpc_port) if body.path == GRPC else _post(body, content, port)
        if status != body.good:
            raise ValueError(f"{body.name}, to {body.path}: {'refused' if body.good else 'taken'}")

    return send


def _post(body: LargeBody, content: bytes, port: int) -> bool:
    """Whether it was answered with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    headers = {"Content-Type": body.media_type, "Authorization": f"Bearer {TOKEN}"}
    try:
        connection.request("POST", body.path, content, headers)
        answer = connection.getresponse()
        answer.read()
    except ConnectionError:
        # Refused before all of it was sent.
        return False
    finally:
        connection.close()
    return answer.status == 200


def _call(content: bytes, port: int) -> bool:
    """Whether it was answered with OK."""
    import grpc

    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        call: Any = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        error = call.future(content, timeout=TIMEOUT_SECONDS).exception()
        return error is None
