"""Every gRPC call: request ids, log lines, metrics, and answers to hostile messages."""

from collections.abc import Iterator

import grpc
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.grpc import open_inference_pb2 as pb
from tests import rest
from tests.rpc import PATH, RpcProcess, ask, infer


@pytest.fixture(scope="module")
def channel(rpc: RpcProcess) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(rpc.address) as channel:
        yield channel


def test_typed_contents_are_answered_by_typed_contents(channel: grpc.Channel) -> None:
    status, _, answer, _ = ask(channel, infer())
    assert status is grpc.StatusCode.OK
    response = pb.ModelInferResponse.FromString(answer)
    contents = {output.name: output.contents for output in response.outputs}
    assert list(contents["label"].bytes_contents) == [b"setosa"]
    assert list(contents["index"].int64_contents) == [0]
    assert sum(contents["probabilities"].fp32_contents) == pytest.approx(1, abs=1e-6)
    assert list(contents["out_of_range"].bool_contents) == [False] * 4
    assert not response.raw_output_contents


HOSTILE = [
    (b"\xff", "not valid protobuf"),
    (b"\x2a\x05", "not valid protobuf"),
    (b"", "the one input; given: none"),
    (infer(name="x" * 60_000), "the one input; given: 'xxx"),
    (infer(name="\n\u2028\U0001f337"), "the one input; given: "),
    (infer(datatype="FP8"), "datatype 'FP8'"),
    (infer(datatype="BYTES"), "datatype 'BYTES'; numbers such as FP32"),
    (infer(shape=[-1, 4]), "shape [-1, 4]"),
    (infer(shape=[0, 2**62]), "shape [0, 4611686018427387904]"),
    (infer(shape=[4, 1]), "shape [4, 1]; [rows, 4] is taken"),
    (infer(contents={"fp32_contents": [float("nan")] * 4}), "nan"),
    (infer(contents={"fp32_contents": [float("-inf")] * 4}), "-inf"),
]


@pytest.mark.parametrize(("content", "message"), HOSTILE)
def test_a_bad_message_is_refused_and_the_connection_goes_on(
    channel: grpc.Channel, content: bytes, message: str
) -> None:
    status, detail, _, _ = ask(channel, content)
    assert status is grpc.StatusCode.INVALID_ARGUMENT
    assert message in detail
    assert ask(channel, b"", "ServerLive")[0] is grpc.StatusCode.OK


@pytest.mark.parametrize("parameter", [{"int64_param": 0}, {"string_param": "1"}, {}])
def test_a_bad_number_of_classes_is_refused(channel: grpc.Channel, parameter: dict) -> None:
    request = pb.ModelInferRequest.FromString(infer())
    output = request.outputs.add(name="probabilities")
    output.parameters["classification"].CopyFrom(pb.InferParameter(**parameter))
    status, detail, answer, _ = ask(channel, request.SerializeToString())
    if parameter:
        assert (status, "classification" in detail) == (grpc.StatusCode.INVALID_ARGUMENT, True)
    else:
        # A parameter without a value does not count.
        assert pb.ModelInferResponse.FromString(answer).outputs[0].datatype == "FP32"


@given(content=st.binary(max_size=60))
@example(content=infer())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_message_is_our_fault(channel: grpc.Channel, content: bytes) -> None:
    taken = {
        grpc.StatusCode.OK,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
    }
    assert ask(channel, content)[0] in taken


def test_a_verb_that_is_not_served(channel: grpc.Channel) -> None:
    assert ask(channel, b"", "ModelStreamInfer")[0] is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("content", [infer(), b"\xff"])
def test_the_callers_id_comes_back_and_is_in_the_log(
    rpc: RpcProcess, channel: grpc.Channel, content: bytes
) -> None:
    request_id = f"mine-{len(content)}"
    status, _, _, trailing = ask(channel, content, metadata=[("x-request-id", request_id)])
    assert trailing["x-request-id"] == request_id
    line = rpc.server.wait_for_record(request_id=request_id)
    assert (line["logger"], line["message"], line["method"]) == ("app.access", "request", "gRPC")
    assert (line["path"], line["status"]) == (f"{PATH}ModelInfer", status.name)
    assert line["milliseconds"] > 0


def test_an_id_that_is_not_safe_is_replaced(channel: grpc.Channel) -> None:
    trailing = ask(channel, infer(), metadata=[("x-request-id", "a b")])[3]
    assert len(trailing["x-request-id"]) == 32


def test_calls_are_counted_by_verb_and_status(rpc: RpcProcess, channel: grpc.Channel) -> None:
    def counted(status: str) -> float:
        text = rest.get(f"{rpc.server.url}/metrics").text
        start = f'grpc_requests_total{{method="ModelInfer",status="{status}"}} '
        return sum(float(line.removeprefix(start)) for line in text.splitlines() if start in line)

    before = counted("OK"), counted("INVALID_ARGUMENT")
    ask(channel, infer())
    ask(channel, b"\xff")
    assert (counted("OK"), counted("INVALID_ARGUMENT")) == (before[0] + 1, before[1] + 1)


def test_a_caller_that_leaves_harms_nobody(channel: grpc.Channel) -> None:
    calls = [channel.unary_unary(f"{PATH}ModelInfer").future(infer()) for _ in range(50)]
    # Some may have been answered before.
    left = [call for call in calls if call.cancel() and call.cancelled()]
    assert all(call.code() is grpc.StatusCode.OK for call in calls if call not in left)
    assert ask(channel, infer())[0] is grpc.StatusCode.OK


def test_compressed_messages_are_not_inflated(channel: grpc.Channel) -> None:
    # A thousand times the accepted length.
    bomb = infer(name="x" * 10**6)
    status, text, _, _ = ask(channel, bomb, compression=grpc.Compression.Gzip)
    assert status in (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INTERNAL)
    assert "compress" in text.lower()


def test_a_name_of_any_length_is_told_in_short(channel: grpc.Channel) -> None:
    message = pb.ModelReadyRequest(name="x" * 50_000).SerializeToString()
    status, text, _, _ = ask(channel, message, "ModelReady")
    assert status is grpc.StatusCode.NOT_FOUND
    assert text.startswith(f"no model '{'x' * 128}'...; known: ")
