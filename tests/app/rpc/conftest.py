"""A real server that also answers gRPC."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.conftest import Process, running_server

TOKEN = "0123456789abcdef"


@dataclass
class RpcProcess:
    """`address` is host:port of gRPC."""

    server: Process
    address: str


def rpc_of(server: Process, count: int = 1) -> RpcProcess:
    """Waits until so many processes answer gRPC; all on one address."""
    deadline = time.monotonic() + 60
    while len(found := re.findall(r"gRPC on ([^\"]+)", server.log.read_text())) < count:
        assert time.monotonic() < deadline, server.log.read_text()
        time.sleep(0.02)
    assert len(set(found)) == 1
    return RpcProcess(server, found[0])


@pytest.fixture(scope="session")
def rpc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RpcProcess]:
    """One for all tests that leave it as it was."""
    log = tmp_path_factory.mktemp("rpc") / "log"
    options = ("--grpc-port", "0", "--admin-token", TOKEN, "--max-body-bytes", str(2**20))
    with running_server(log, *options) as running:
        yield rpc_of(running)
        assert running.stop() == 0, running.log.read_text()
