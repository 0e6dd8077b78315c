"""A real server that also answers gRPC."""

from collections.abc import Iterator

import pytest

from tests.process import running_server
from tests.rpc import TOKEN, RpcProcess, rpc_of


@pytest.fixture(scope="session")
def rpc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RpcProcess]:
    """One server for all tests that do not change it."""
    log = tmp_path_factory.mktemp("rpc") / "log"
    options = ("--grpc-port", "0", "--admin-token", TOKEN, "--max-body-bytes", str(2**20))
    with running_server(log, *options) as running:
        yield rpc_of(running)
        assert running.stop() == 0, running.log.read_text()
