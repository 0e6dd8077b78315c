"""Streams without a key delay no other call, and log no traceback."""

from collections.abc import Callable, Iterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from app.grpc.streams import MOST_LASTING
from tests.rpc import RpcProcess

HEALTH = "/grpc.health.v1.Health/"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
Ask = Callable[[grpc.Channel, bytes], grpc.Call]


@pytest.fixture(scope="module")
def channel(rpc: RpcProcess) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(rpc.address) as channel:
        yield channel


def watch(channel: grpc.Channel, content: bytes) -> grpc.Call:
    return channel.unary_stream(HEALTH + "Watch")(content, timeout=60)


def reflect(channel: grpc.Channel, content: bytes) -> grpc.Call:
    return channel.stream_stream(REFLECTION)(iter([content]), timeout=60)


@pytest.mark.parametrize("ask", [watch, reflect])
@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"\xff" * 20, grpc.StatusCode.INVALID_ARGUMENT),
        (b"\x0a\x02\xff\xfe", grpc.StatusCode.INVALID_ARGUMENT),
        (b"\x7a\x00" * 100_000, grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
    ids=["no message", "no UTF-8", "a long message"],
)
def test_what_is_no_short_message_is_its_senders_fault(
    rpc: RpcProcess, channel: grpc.Channel, ask: Ask, content: bytes, status: grpc.StatusCode
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        list(ask(channel, content))
    assert caught.value.code() is status
    assert "Traceback" not in rpc.server.log.read_text()


def test_more_watchers_than_are_taken_are_told_to_come_later(channel: grpc.Channel) -> None:
    watchers = [watch(channel, b"") for _ in range(MOST_LASTING)]
    for each in watchers:
        next(each)
    for ask in (watch, reflect):
        with pytest.raises(grpc.RpcError) as caught:
            list(ask(channel, b""))
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    stub = health_pb2_grpc.HealthStub(channel)
    request = health_pb2.HealthCheckRequest()
    assert stub.Check(request, timeout=60).status == health_pb2.HealthCheckResponse.SERVING
    for each in watchers:
        each.cancel()
