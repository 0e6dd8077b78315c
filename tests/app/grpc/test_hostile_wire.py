"""Messages that protobuf would parse slowly are refused before, by the lengths of their fields."""

import grpc
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BodyTooLarge, RequestError
from app.grpc import open_inference_pb2 as pb
from app.grpc.wire_limits import MAX_OTHER_BYTES, MODEL_INFER, MOST_INTEGERS, require_quick_to_parse
from tests.rpc import RpcProcess

PATH = "/inference.GRPCInferenceService/"
MANY = 200_000


def varint(number: int) -> bytes:
    return b"" if number < 0 else _more(number)


def _more(number: int) -> bytes:
    low, rest = number & 127, number >> 7
    return bytes([low | 128]) + _more(rest) if rest else bytes([low])


def field(number: int, content: bytes) -> bytes:
    """A field of wire type LEN."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def in_contents(number: int, content: bytes) -> bytes:
    return field(5, field(5, field(number, content)))


BESIDE = {
    "inputs": field(5, b"") * MANY,
    "outputs": field(6, b"") * MANY,
    "parameters": field(4, b"") * MANY,
    "raw contents": field(7, b"") * MANY,
    "an input's parameters": field(5, field(4, b"") * MANY),
    "an input's shape": field(5, field(3, b"\x01" * MANY)),
    "a shape, size by size": field(5, b"\x18\x01" * MANY),
    "contents": field(5, field(5, b"") * MANY),
    "texts": field(5, field(5, field(8, b"") * MANY)),
    "numbers one by one": field(5, field(5, b"\x10\x01" * MANY)),
    "a name": field(1, b"x" * MANY),
    "an unknown field": field(99, b"x" * MANY),
    "unknown numbers": b"\xf8\x06\x01" * MANY,
}
INTEGERS = {
    name: in_contents(number, b"\x01" * (MOST_INTEGERS + 1))
    for number, name in enumerate(["bool", "int", "int64", "uint", "uint64"], 1)
}
MALFORMED = {
    "a group": b"\x0b" * MANY,
    "a length beyond the end": field(7, bytes(MANY))[:-1],
    "a length beyond its message": field(5, b"\x2a\x7f" + bytes(20)) + bytes(MANY),
    "a number without end": b"\xff" * MANY,
}


@pytest.fixture(scope="module")
def channel(rpc: RpcProcess):
    with grpc.insecure_channel(rpc.address) as channel:
        yield channel


def refusal(channel: grpc.Channel, content: bytes, verb: str) -> tuple[grpc.StatusCode, str]:
    call = channel.unary_unary(PATH + verb).future(content, timeout=60)
    assert call.exception() is not None
    return call.code(), call.details()


@pytest.mark.parametrize("content", BESIDE.values(), ids=BESIDE)
def test_much_beside_the_contents_is_refused(channel: grpc.Channel, content: bytes) -> None:
    status, text = refusal(channel, content, "ModelInfer")
    assert status is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert f"more than {MAX_OTHER_BYTES} bytes beside the contents" in text


@pytest.mark.parametrize("content", INTEGERS.values(), ids=INTEGERS)
def test_many_numbers_of_variable_width_are_refused(content: bytes) -> None:
    with pytest.raises(BodyTooLarge, match="raw_input_contents may have more"):
        require_quick_to_parse(content, MODEL_INFER)


def test_numbers_of_a_fixed_width_may_be_many() -> None:
    for number in (6, 7):
        require_quick_to_parse(in_contents(number, bytes(2 * MOST_INTEGERS)), MODEL_INFER)
    require_quick_to_parse(field(7, bytes(2 * MOST_INTEGERS)), MODEL_INFER)


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
def test_lengths_that_lie_are_refused(channel: grpc.Channel, content: bytes) -> None:
    status, text = refusal(channel, content, "ModelInfer")
    assert status is grpc.StatusCode.INVALID_ARGUMENT
    assert "not valid protobuf" in text


@pytest.mark.parametrize("verb", ["ServerLive", "ModelReady", "ModelConfig", "RepositoryIndex"])
def test_the_other_messages_are_short(channel: grpc.Channel, verb: str) -> None:
    status, _ = refusal(channel, field(1, b"x" * MANY), verb)
    assert status is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("name", "datatype", "dtype"),
    [("fp32_contents", "FP32", "f4"), ("int64_contents", "INT64", "i8"), ("", "FP32", "f4")],
)
def test_a_large_good_message_is_answered_row_for_row(
    channel: grpc.Channel, name: str, datatype: str, dtype: str
) -> None:
    rows = np.random.default_rng(0).integers(1, 7, (60_000, 4)).astype(dtype)
    tensor = {"name": "input", "datatype": datatype, "shape": rows.shape}
    request = pb.ModelInferRequest(inputs=[tensor], outputs=[{"name": "index"}])
    if name:
        getattr(request.inputs[0].contents, name).extend(rows.ravel().tolist())
    else:
        request.raw_input_contents.append(rows.tobytes())
    found = ask(channel, request)
    for start in (0, 32_760, 59_990):
        few = pb.ModelInferRequest(inputs=[tensor | {"shape": [10, 4]}], outputs=request.outputs)
        few.raw_input_contents.append(rows[start : start + 10].tobytes())
        np.testing.assert_array_equal(found[start : start + 10], ask(channel, few))


def ask(channel: grpc.Channel, request: pb.ModelInferRequest) -> np.ndarray:
    answer = channel.unary_unary(f"{PATH}ModelInfer")(request.SerializeToString(), timeout=60)
    response = pb.ModelInferResponse.FromString(answer)
    if response.raw_output_contents:
        return np.frombuffer(response.raw_output_contents[0], "<i8")
    return np.array(response.outputs[0].contents.int64_contents)


@given(st.binary(max_size=80))
def test_nothing_that_protobuf_reads_and_that_is_short_is_refused(content: bytes) -> None:
    try:
        require_quick_to_parse(content, MODEL_INFER)
    except RequestError:
        # Groups are a deprecated feature of protobuf, which clients do not send.
        if not any(byte & 7 in (3, 4) for byte in content):
            with pytest.raises(Exception, match="rror"):
                pb.ModelInferRequest.FromString(content)
