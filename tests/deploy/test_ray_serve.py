"""Two replicas on a local Ray cluster, one of them killed under load. `make ray` installs Ray."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import yaml

from tests.deploy.manifests import DEPLOY, read
from tests.project import ROOT, SETOSA

SERVE = DEPLOY / ".venv" / "bin" / "serve"
CLIENTS = 8
pytestmark = pytest.mark.skipif(not SERVE.exists(), reason="Ray is not installed: make ray")


class Cluster:
    def __init__(self, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self.log = log

    def replicas(self) -> set[int]:
        """The processes of this cluster that serve the application."""
        parents, replicas = {}, set()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                pid, stat = int(folder.name), (folder / "stat").read_text()
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            # The name is in parentheses and may contain some.
            parents[pid] = int(stat.rpartition(")")[2].split()[1])
            if b"ServeReplica" in command:
                replicas.add(pid)
        return {pid for pid in replicas if self.process.pid in ancestors(pid, parents)}

    def wait_until(self, true: Callable[[], bool], seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/ready").is_success and len(self.replicas()) == 2
        except httpx.TransportError:
            return False


def ancestors(pid: int, parents: dict[int, int]) -> Iterator[int]:
    while pid in parents:
        pid = parents[pid]
        yield pid


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = read(DEPLOY / "ray_serve.yaml")
    config["http_options"]["port"] = port
    # Two replicas on any number of cores.
    config["applications"][0]["args"] |= {"max_replicas": 2, "cpus": 0.1}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    # It contains Ray's sockets, whose paths must be short.
    folder = tempfile.mkdtemp(prefix="ray")
    environment = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": folder, "PYTHONPATH": str(ROOT)}
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [SERVE, "run", tmp_path / "config.yaml"],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    cluster = Cluster(process, f"http://127.0.0.1:{port}", log)
    try:
        cluster.wait_until(cluster.ready)
        yield cluster
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=120)
        finally:
            process.kill()
            shutil.rmtree(folder, ignore_errors=True)


def test_a_killed_replica_costs_no_request_that_is_sent_again(cluster: Cluster) -> None:
    answered, repeated = [], []
    stop = threading.Event()

    def ask_on() -> None:
        with httpx.Client(base_url=cluster.url, timeout=30) as client:
            while not stop.is_set():
                answered.append(ask(client, repeated))

    before = cluster.replicas()
    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(ask_on) for _ in range(CLIENTS)]
        try:
            time.sleep(1)
            killed = min(before)
            os.kill(killed, signal.SIGKILL)
            at_the_kill = len(answered)
            cluster.wait_until(lambda: len(cluster.replicas() - {killed}) == 2)
            # Both replicas serve now; this is time for requests to both.
            time.sleep(1)
        finally:
            stop.set()
        for client in clients:
            client.result()
    assert at_the_kill > 0
    assert len(answered) > at_the_kill
    assert set(answered) == {"setosa"}
    # Only the requests in the killed replica.
    assert len(repeated) <= CLIENTS


def ask(client: httpx.Client, repeated: list[str]) -> str:
    """The predicted class; a failed request is repeated once. Raises an error if it fails again."""
    try:
        answer = client.post("/predict", json=SETOSA).raise_for_status()
    except httpx.HTTPError as error:
        repeated.append(str(error))
        answer = client.post("/predict", json=SETOSA).raise_for_status()
    return answer.json()["class"]
