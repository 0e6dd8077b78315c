"""Tensors of the Open Inference Protocol, from bytes and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidTensor
from app.predict.codecs.v2_model import WantedOutput
from app.predict.codecs.v2_tensor_data import (
    BYTES,
    DTYPES,
    Tensor,
    from_bytes,
    to_pieces,
)
from tests.tensors import TENSORS, require_same


@given(TENSORS)
def test_bytes_come_back_as_they_went(tensor: Tensor) -> None:
    require_same(
        from_bytes("x", tensor.datatype, tensor.shape, b"".join(to_pieces(tensor))), tensor
    )


@given(st.sampled_from([*DTYPES, BYTES]), st.binary(max_size=40), st.lists(st.integers(0, 3)))
def test_any_bytes_are_read_or_refused(datatype: str, data: bytes, shape: list[int]) -> None:
    try:
        tensor = from_bytes("x", datatype, shape, data)
    except InvalidTensor:
        return
    assert tensor.shape == shape
    assert b"".join(to_pieces(tensor)) == data


@pytest.mark.parametrize(
    ("datatype", "shape", "data", "message"),
    [
        ("FP32", [2], b"1234", "4 bytes; FP32 [2] takes 8"),
        ("FP32", [10**9], b"", "takes 4000000000"),
        ("FP32", [0, 10**12], b"", "sizes from 0 to 2147483647"),
        ("BOOL", [0, 10**9, 10**9], b"", "more than 2147483647 elements"),
        ("BOOL", [1], b"\x02", "neither 0 nor 1"),
        ("BYTES", [1], b"\x05\x00\x00\x00abcd", "end before the element at byte 0"),
        ("BYTES", [1], b"\x01\x00", "end before the element at byte 0"),
        ("BYTES", [2], b"\x01\x00\x00\x00a", "1 elements of BYTES; its shape has 2"),
    ],
)
def test_bytes_that_do_not_fit_are_refused(
    datatype: str, shape: list[int], data: bytes, message: str
) -> None:
    with pytest.raises(InvalidTensor, match="tensor 'x': ") as caught:
        from_bytes("x", datatype, shape, data)
    assert message in str(caught.value)


def test_a_tensor_in_shared_memory_is_refused() -> None:
    with pytest.raises(InvalidTensor, match="shared memory is not supported"):
        WantedOutput.of("y", {"shared_memory_region": "r"})
