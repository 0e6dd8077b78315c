"""KServe's own gRPC client, unmodified, against a real server."""

from tests.kserve import require_true_answers
from tests.rpc import RpcProcess


def test_it_is_told_what_the_module_says(rpc: RpcProcess) -> None:
    require_true_answers("kserve_grpc.py", rpc.address)
