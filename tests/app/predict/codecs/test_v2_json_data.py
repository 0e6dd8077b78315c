"""Tensors of the Open Inference Protocol from JSON and back."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidTensor
from app.predict.codecs.v2_json_data import from_json, to_lists
from app.predict.codecs.v2_tensor_data import BYTES, DTYPES, Tensor, from_values
from tests.tensors import TENSORS, require_same


def to_json(tensor: Tensor) -> list[object]:
    return [value for values in to_lists(tensor) for value in values]


@given(TENSORS, st.booleans())
def test_json_comes_back_as_it_went(tensor: Tensor, nested: bool) -> None:
    values = to_json(tensor)
    if nested:
        shaped = np.empty(len(values), object)
        shaped[:] = values
        values = shaped.reshape(tensor.shape).tolist()
    data = json.dumps(values).encode()
    require_same(from_json("x", tensor.datatype, tensor.shape, data), tensor)


@pytest.mark.parametrize("datatype", [name for name in DTYPES if "INT" in name])
def test_the_smallest_and_largest_integers_are_exact(datatype: str) -> None:
    limits = np.iinfo(DTYPES[datatype])
    values = [int(limits.max), int(limits.min), 1]
    for tensor in (
        from_json("x", datatype, [3], json.dumps(values).encode()),
        from_values("x", datatype, [3], values),
    ):
        assert tensor.array.dtype == DTYPES[datatype]
        assert to_json(tensor) == values


@given(st.sampled_from([*DTYPES, BYTES]), st.text(alphabet='[]{}",:0123.eE-tfn\\u ', max_size=30))
def test_any_json_is_read_or_refused(datatype: str, text: str) -> None:
    try:
        tensor = from_json("x", datatype, [2], text.encode())
    except InvalidTensor:
        return
    assert len(json.loads(text)) == len(to_json(tensor)) == 2


@pytest.mark.parametrize(
    ("datatype", "shape", "data", "message"),
    [
        ("FP8", [1], b"[1]", "datatype 'FP8'; one of BOOL, UINT8"),
        ("FP32", [1] * 9, b"[1]", "up to 8 sizes"),
        ("FP32", [-1], b"[]", "sizes from 0 to 2147483647"),
        ("FP32", [0, 2**63 - 1], b"[]", "sizes from 0 to 2147483647"),
        ("BYTES", [0, 2**30, 2**30], b"[]", "more than 2147483647 elements"),
        ("FP32", [2], b"[1]", "data of shape [1], its shape says [2]"),
        ("FP32", [2, 1], b"[[1, 2]]", "data of shape [1, 2], its shape says [2, 1]"),
        ("FP32", [2, 2], b"[[1], [2, 3]]", "rows that are not as long"),
        ("FP32", [1], b"[true]", "data[0]: a boolean where a number belongs"),
        ("FP32", [1], b'["1"]', "data[0]: a string where a number belongs"),
        (
            "FP32",
            [2, 2],
            b"[[1, 2], [3, null]]",
            "data[1][1]: null where a number belongs; NaN, such",
        ),
        ("FP32", [1], b"[NaN]", "not valid JSON: invalid character"),
        ("FP32", [1], b"[1e39]", "1e+39 is beyond FP32"),
        ("FP16", [1], b"[70000]", "70000.0 is beyond FP16"),
        ("UINT8", [1], b"[-1]", "-1 is beyond UINT8"),
        ("INT64", [1], b"[9223372036854775808]", "is beyond INT64"),
        ("INT32", [1], b"[1.5]", "data[0]: a number with a fraction or an exponent where"),
        ("BOOL", [1], b"[1]", "data[0]: a whole number where true or false belongs"),
        ("BYTES", [1], b"[1]", "data[0]: a whole number where a string belongs"),
        ("FP32", [1], b"1", "data: a whole number where a list belongs"),
        ("FP32", [1], b"[" * 100_000, "data[0]: a list where a number belongs"),
    ],
)
def test_json_that_does_not_fit_is_refused(
    datatype: str, shape: list[int], data: bytes, message: str
) -> None:
    with pytest.raises(InvalidTensor) as caught:
        from_json("x", datatype, shape, data)
    assert str(caught.value).startswith("tensor 'x': ")
    assert message in str(caught.value)
