"""KServe's own gRPC client, unmodified, against a real server."""

from tests.app.rpc.conftest import RpcProcess
from tests.app.test_kserve_client import require_true_answers


def test_it_is_told_what_the_module_says(rpc: RpcProcess) -> None:
    require_true_answers("kserve_grpc.py", rpc.address)
