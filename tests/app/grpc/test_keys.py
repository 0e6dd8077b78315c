"""A gRPC server that requires keys."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from app.api.auth.keys import Scope
from app.api.auth.route_scopes import SCOPES
from app.grpc import open_inference_pb2 as pb
from app.grpc.interceptor import ROUTES
from tests import rest
from tests.keys import bearer, write_keys
from tests.process import running_server
from tests.rpc import PATH, RpcProcess, ask, infer, rpc_of

Keyed = tuple[RpcProcess, dict[Scope, str]]
VERBS = list(pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods_by_name)


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    folder = tmp_path_factory.mktemp("keyed")
    keys = write_keys(folder / "keys.toml")
    options = ("--grpc-port", "0", "--api-keys", str(folder / "keys.toml"))
    with running_server(folder / "log", *options) as running:
        yield rpc_of(running), keys
        assert running.stop() == 0, running.log.read_text()


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_asks_the_scope_of_its_route(keyed: Keyed, verb: str) -> None:
    rpc, keys = keyed
    needed = SCOPES[ROUTES[verb]]
    content = b"\x0a\x0airis-model" if verb.startswith("Model") and verb != "ModelInfer" else b""
    if verb == "ModelInfer":
        content = infer()
    # An unknown model, so that nothing is loaded or unloaded.
    expected = grpc.StatusCode.NOT_FOUND if needed is Scope.ADMIN else grpc.StatusCode.OK
    with grpc.insecure_channel(rpc.address) as channel:
        for scope, key in keys.items():
            admitted = needed in (None, scope)
            metadata = [("authorization", f"Bearer {key}")]
            status = ask(channel, content, verb, metadata=metadata)[0]
            assert status is (expected if admitted else grpc.StatusCode.PERMISSION_DENIED)
        for metadata in ([], [("authorization", "Bearer wrong")], [("authorization", key)]):
            status = ask(channel, content, verb, metadata=metadata)[0]
            assert status is (grpc.StatusCode.UNAUTHENTICATED if needed else expected)


def test_one_key_is_given_not_two(keyed: Keyed) -> None:
    rpc, keys = keyed
    metadata = [("authorization", f"Bearer {keys[Scope.PREDICT]}")] * 2
    with grpc.insecure_channel(rpc.address) as channel:
        status = ask(channel, infer(), metadata=metadata)[0]
    assert status is grpc.StatusCode.UNAUTHENTICATED


def test_who_changed_what_is_served_is_in_the_log(keyed: Keyed) -> None:
    rpc, keys = keyed
    metadata = [("authorization", f"Bearer {keys[Scope.ADMIN]}"), ("x-request-id", "changed")]
    with grpc.insecure_channel(rpc.address) as channel:
        ask(channel, b"", "RepositoryModelUnload", metadata=metadata)
    line = rpc.server.wait_for_record(message="admin", request_id="changed")
    text = rpc.server.log.read_text()
    assert (line["key"], line["path"]) == ("admin-key", f"{PATH}RepositoryModelUnload")
    assert not any(key in text for key in keys.values())


def test_a_key_has_one_rate_for_both_protocols(tmp_path: Path) -> None:
    keys = write_keys(tmp_path / "keys.toml", rate="2/day")
    options = ("--grpc-port", "0", "--api-keys", str(tmp_path / "keys.toml"))
    metadata = [("authorization", f"Bearer {keys[Scope.PREDICT]}")]
    with running_server(tmp_path / "log", *options) as running:
        with grpc.insecure_channel(rpc_of(running).address) as channel:
            statuses = [ask(channel, infer(), metadata=metadata)[0] for _ in range(3)]
        answer = rest.get(f"{running.url}/model", headers=bearer(keys[Scope.PREDICT]))
        assert running.stop() == 0
    assert statuses == [grpc.StatusCode.OK] * 2 + [grpc.StatusCode.RESOURCE_EXHAUSTED]
    assert answer.status_code == 429
