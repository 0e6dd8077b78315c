"""The longest wait of other requests while a large body is read, answered or refused."""

import http.client
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.longest_wait.bodies import GRPC, LargeBody, large_bodies
from benchmarks.longest_wait.prober import probing
from benchmarks.ratio import Ratio, print_table
from benchmarks.request import flower_request
from benchmarks.server import free_ports, running_server
from benchmarks.single import service_command

TIMEOUT_SECONDS = 120
GOOD_MS, REFUSED_MS = 250, 100
TOKEN = "benchmark-admin-token"  # noqa: S105


def measure(only: str = "", rounds: int = 1) -> list[Ratio]:
    """Measure the bodies whose name or path contains `only`."""
    port, grpc_port = free_ports(2)
    options = ["--grpc-port", str(grpc_port)] if find_spec("grpc") else []
    command = service_command(port, "--admin-token", TOKEN, *options)
    waits: list[Ratio] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(command, flower_request(port).send, log=Path(folder) / "log"),
    ):
        _wait(port, lambda: time.sleep(1))
        waits.append(_line("nothing", REFUSED_MS, [_wait(port, lambda: time.sleep(1))]))
        for body in large_bodies():
            name = f"{body.name}, to {body.path}"
            if only in name and (body.path != GRPC or options):
                content = body.make()
                send = _send(body, content, port, grpc_port)
                goal = GOOD_MS if body.good else REFUSED_MS
                waits.append(_line(name, goal, [_wait(port, send) for _ in range(rounds)]))
    return waits


def _line(body: str, goal: int, seconds: list[float]) -> Ratio:
    waits = [1000 * each for each in seconds]
    return Ratio(f"longest wait in ms during {body}", waits, f"at most {goal}")


def _wait(port: int, send: Callable[[], object]) -> float:
    with probing(port) as longest:
        send()
    return longest[0]


def _send(body: LargeBody, content: bytes, port: int, grpc_port: int) -> Callable[[], None]:
    def send() -> None:
        status = _call(content, grpc_port) if body.path == GRPC else _post(body, content, port)
        if status != body.good:
            raise ValueError(f"{body.name}, to {body.path}: {'refused' if body.good else 'taken'}")

    return send


def _post(body: LargeBody, content: bytes, port: int) -> bool:
    """Whether the answer is 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    headers = {"Content-Type": body.media_type, "Authorization": f"Bearer {TOKEN}"}
    try:
        connection.request("POST", body.path, content, headers)
        answer = connection.getresponse()
        answer.read()
    except ConnectionError:
        # Refused before all was sent.
        return False
    finally:
        connection.close()
    return answer.status == 200


def _call(content: bytes, port: int) -> bool:
    """Whether the answer is OK."""
    import grpc

    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        call: Any = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        error = call.future(content, timeout=TIMEOUT_SECONDS).exception()
        return error is None


def main(only: str = "", rounds: int = 1) -> None:
    """Measure these waits alone."""
    print_table(measure(only, rounds))
