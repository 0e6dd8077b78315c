"""gRPC's health protocol and reflection, called with gRPC's clients."""

import signal
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from app.api.auth.keys import Scope
from tests.keys import write_keys
from tests.process import running_server
from tests.rpc import RpcProcess, rpc_of

INFERENCE = "inference.GRPCInferenceService"
STATUS = health_pb2.HealthCheckResponse


def request_for(name: str) -> health_pb2.HealthCheckRequest:
    return health_pb2.HealthCheckRequest(service=name)


@pytest.fixture(scope="module")
def channel(rpc: RpcProcess) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(rpc.address) as channel:
        yield channel


@pytest.mark.parametrize("name", ["", INFERENCE, "grpc.health.v1.Health", "iris-model"])
def test_what_is_ready_serves(channel: grpc.Channel, name: str) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    assert health.Check(request_for(name), timeout=30).status == STATUS.SERVING
    watch = health.Watch(request_for(name), timeout=30)
    assert next(watch).status == STATUS.SERVING
    watch.cancel()


def test_what_nobody_knows_is_not_found(channel: grpc.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    with pytest.raises(grpc.RpcError) as caught:
        health.Check(request_for("other"), timeout=30)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    watch = health.Watch(request_for("other"), timeout=30)
    assert next(watch).status == STATUS.SERVICE_UNKNOWN
    watch.cancel()


def test_a_watcher_is_told_of_the_drain_and_holds_up_no_end(tmp_path: Path) -> None:
    options = ("--grpc-port", "0", "--drain-delay-seconds", "1")
    with running_server(tmp_path / "log", *options) as running:
        with grpc.insecure_channel(rpc_of(running).address) as channel:
            watch = health_pb2_grpc.HealthStub(channel).Watch(request_for(""), timeout=60)
            assert next(watch).status == STATUS.SERVING
            running.process.send_signal(signal.SIGTERM)
            assert next(watch).status == STATUS.NOT_SERVING
            assert list(watch) == []
        assert running.process.wait(timeout=120) == 0


def test_health_of_the_server_is_open_that_of_a_model_asks_a_key(tmp_path: Path) -> None:
    keys = write_keys(tmp_path / "keys.toml")
    options = ("--grpc-port", "0", "--api-keys", str(tmp_path / "keys.toml"))
    with running_server(tmp_path / "log", *options) as running:
        with grpc.insecure_channel(rpc_of(running).address) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            assert health.Check(request_for(""), timeout=30).status == STATUS.SERVING
            for call in (health.Check, lambda *a, **k: list(health.Watch(*a, **k))):
                with pytest.raises(grpc.RpcError) as caught:
                    call(request_for("iris-model"), timeout=30)
                assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
            metadata = [("authorization", f"Bearer {keys[Scope.PREDICT]}")]
            found = health.Check(request_for("iris-model"), timeout=30, metadata=metadata)
            assert found.status == STATUS.SERVING
        assert running.stop() == 0


def test_reflection_describes_every_verb_so_that_it_can_be_called(channel: grpc.Channel) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    assert INFERENCE in database.get_services()
    pool = DescriptorPool(database)
    service = pool.FindServiceByName(INFERENCE)
    assert "ModelInfer" in service.methods_by_name
    statistics = pool.FindMessageTypeByName("inference.ModelStatistics")
    assert statistics.fields_by_name["last_inference"].number == 3
