"""gRPC's start and end: with the rest of the server, in each worker, and errors in one line."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import grpc
import pytest

from app.grpc import open_inference_pb2 as pb
from tests import rest
from tests.checkpoints import save_model
from tests.process import HANG_SECONDS, forked, running_server, wait_until
from tests.project import ROOT
from tests.rpc import PATH, RpcProcess, ask, infer, rpc_of
from tests.sockets import holders
from tests.workers import stopped, workers_of


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RpcProcess]:
    """Gives calls without a deadline no time."""
    options = ("--grpc-port", "0", "--request-timeout-seconds", "0.000000001")
    with running_server(tmp_path_factory.mktemp("hurried") / "log", *options) as running:
        yield rpc_of(running)


def test_sigterm_under_load_loses_no_call(tmp_path: Path) -> None:
    counts = [0] * 4

    def ask_until_refused(address: str, number: int) -> None:
        with grpc.insecure_channel(address) as channel:
            while (status := ask(channel, infer())[0]) is grpc.StatusCode.OK:
                counts[number] += 1
            # gRPC cancels calls that had arrived and were not begun.
            assert status in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)

    with running_server(tmp_path / "log", "--grpc-port", "0") as running:
        address = rpc_of(running).address
        with ThreadPoolExecutor(4) as pool:
            clients = [pool.submit(ask_until_refused, address, number) for number in range(4)]
            wait_until(lambda: min(counts) >= 5)
            running.process.send_signal(signal.SIGTERM)
            for client in clients:
                client.result(timeout=HANG_SECONDS)
        assert running.process.wait(timeout=HANG_SECONDS) == 0
        records = [json.loads(line) for line in running.log.read_text().splitlines()]
    statuses = [line["status"] for line in records if line.get("path") == f"{PATH}ModelInfer"]
    assert statuses == ["OK"] * sum(counts)
    # A program that waits for the address of HTTP can then call both.
    messages = [str(line.get("message")) for line in records]
    first = [line.partition(" on ")[0] for line in messages if " on " in line]
    assert first.index("gRPC") < first.index("running")


def unread(port: str) -> list[bool]:
    """For each connection to a port, whether received bytes are unread."""
    # gRPC accepts IPv4 on IPv6 sockets.
    tables = [Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6")]
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    hexadecimal = f"{int(port):04X}"
    mine = [row for row in rows if row[1].endswith(f":{hexadecimal}") and row[3] == "01"]
    return [not row[4].endswith(":00000000") for row in mine]


@pytest.mark.parametrize("workers", [1, 2])
def test_calls_that_were_sent_before_sigterm_are_answered(tmp_path: Path, workers: int) -> None:
    options = ("--grpc-port", "0", "--workers", str(workers))
    with (
        running_server(tmp_path / "log", *options) as running,
        ExitStack() as channels,
        ThreadPoolExecutor(30) as pool,
    ):
        address = rpc_of(running, count=workers).address
        apart = [("grpc.use_local_subchannel_pool", 1)]
        each = [channels.enter_context(grpc.insecure_channel(address, apart)) for _ in range(30)]
        kept = each[:10]
        assert {ask(channel, infer())[0] for channel in kept} == {grpc.StatusCode.OK}
        processes = [running.process.pid, *(workers_of(running) if workers > 1 else ())]
        with stopped(*processes):
            calls = [pool.submit(ask, channel, infer()) for channel in each]
            wait_until(lambda: sum(unread(address.rpartition(":")[2])) == len(each))
            for process in processes:
                os.kill(process, signal.SIGTERM)
        assert {call.result()[0] for call in calls} == {grpc.StatusCode.OK}
        assert running.process.wait(timeout=120) == 0


def test_while_it_drains_it_answers_but_is_not_ready(tmp_path: Path) -> None:
    options = ("--grpc-port", "0", "--drain-delay-seconds", "1")
    with running_server(tmp_path / "log", *options) as running:
        with grpc.insecure_channel(rpc_of(running).address) as channel:
            ready = b"\x08\x01"
            assert ask(channel, b"", "ServerReady")[2] == ready
            running.process.send_signal(signal.SIGTERM)
            wait_until(lambda: ask(channel, b"", "ServerReady")[2] != ready)
            assert ask(channel, infer())[0] is grpc.StatusCode.OK
        assert running.process.wait(timeout=120) == 0


def test_workers_share_the_port_and_one_that_is_killed_is_replaced(tmp_path: Path) -> None:
    with running_server(tmp_path / "log", "--grpc-port", "0", "--workers", "2") as running:
        rpc_of(running, count=2)
        os.kill(workers_of(running)[0], signal.SIGKILL)
        address = rpc_of(running, count=3).address
        workers = workers_of(running)
        with ExitStack() as stack:
            for _ in range(16):
                # Each connection goes to one worker.
                options = [("grpc.use_local_subchannel_pool", 1)]
                channel = stack.enter_context(grpc.insecure_channel(address, options))
                assert ask(channel, infer())[0] is grpc.StatusCode.OK
            assert holders(int(address.rpartition(":")[2]), workers) == set(workers)
        assert running.stop() == 0


def test_the_prediction_log_holds_calls_under_their_ids(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    options = ("--grpc-port", "0", "--prediction-log", f"sqlite:///{path}")
    with running_server(tmp_path / "log", *options) as running:
        with grpc.insecure_channel(rpc_of(running).address) as channel:
            mine = ask(channel, infer(), metadata=[("x-request-id", "mine")])[3]
            unrecorded = [("x-request-id", "other"), ("x-prediction-log", "off")]
            assert "x-prediction-id" not in ask(channel, infer(), metadata=unrecorded)[3]
            too_large = infer(contents={"fp32_contents": [3.4e38] * 4})
            assert "x-prediction-id" not in ask(channel, too_large)[3]
        prediction_id = f"{mine['x-prediction-id']}:0"
        feedback = {"prediction_id": prediction_id, "class": "setosa"}
        assert rest.post(f"{running.url}/feedback", json=feedback).status_code == 200
        assert running.stop() == 0
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT id, request_id, class FROM predictions").fetchall()
    assert rows == [(prediction_id, "mine", "setosa")]


def test_a_rollout_takes_the_same_turns_in_both_protocols(tmp_path: Path) -> None:
    for version in (1, 2):
        save_model(tmp_path / f"models/wine/{version}/model.pth", seed=version)
    options = ("--models", tmp_path / "models", "--model", "wine", "--canary", "wine:2=0.5")
    with running_server(tmp_path / "log", *map(str, options), "--grpc-port", "0") as running:
        found = []
        with grpc.insecure_channel(rpc_of(running).address) as channel:
            for name in "abcdefgh":
                content = ask(channel, infer(), metadata=[("x-request-id", name)])[2]
                over_rpc = pb.ModelInferResponse.FromString(content).model_version
                tensor = {"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [0] * 4}
                over_http = rest.post(
                    f"{running.url}/v2/models/wine/infer",
                    json={"inputs": [tensor]},
                    headers={"X-Request-ID": name},
                ).json()["model_version"]
                assert over_rpc == over_http
                found.append(over_rpc)
        assert set(found) == {"1", "2"}
        assert running.stop() == 0


def serve(*options: str, python: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """`stateserve serve` that cannot start; with `python` by this command line."""
    command = [*(python or forked("app")), "serve", "--port", "0", *options]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=ROOT, check=False
    )


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_that_is_taken_stops_the_start_in_one_line(workers: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = serve("--grpc-port", port, "--workers", workers)
    assert result.returncode == 2
    last = json.loads(result.stderr.splitlines()[-1])
    assert last["message"] == (
        f"--grpc-port (STATESERVE_GRPC_PORT): Address already in use: 127.0.0.1 port {port}; "
        "--grpc-port 0 picks a free one"
    )
    assert "Traceback" not in result.stderr
    assert "loaded version" not in result.stderr


def test_a_call_without_a_deadline_has_that_of_the_settings(hurried: RpcProcess) -> None:
    with grpc.insecure_channel(hurried.address) as channel:
        # Also for a request that is answered in a thread.
        large = pb.ModelInferRequest(
            inputs=[{"name": "input", "datatype": "FP32", "shape": [10_000, 4]}],
            raw_input_contents=[bytes(160_000)],
        )
        for content in (infer(), large.SerializeToString()):
            call = channel.unary_unary(f"{PATH}ModelInfer").future(content)
            assert call.exception().code() is grpc.StatusCode.DEADLINE_EXCEEDED
            assert "deadline passed" in call.exception().details()
            assert ask(channel, content)[0] is grpc.StatusCode.OK


def test_two_services_cannot_share_a_port(hurried: RpcProcess) -> None:
    result = serve("--grpc-port", hurried.address.rpartition(":")[2])
    assert result.returncode == 2
    assert "Address already in use" in result.stderr


def test_without_grpcio_the_install_command_is_given() -> None:
    script = "import sys; sys.modules['grpc'] = None; from app.cli import main; main()"
    result = serve("--grpc-port", "0", python=forked("-c", script))
    assert result.returncode == 1
    last = json.loads(result.stderr.splitlines()[-1])
    assert last["message"] == "gRPC needs more packages: pip install '.[grpc]'"
