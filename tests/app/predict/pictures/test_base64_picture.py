"""Base64 of RFC 4648, on one line."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidInstances
from app.predict.pictures import decode_base64


@given(st.binary())
def test_base64_becomes_its_bytes(content: bytes) -> None:
    assert decode_base64(base64.b64encode(content).decode(), "/b64") == content


@pytest.mark.parametrize(
    "text",
    ["a", "YQ", "YQ=", "YQ===", "YQ==YQ==", "YQ==\n", "Y Q=", "_w==", "YQé=", "data:;base64,YQ=="],
)
def test_other_text_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(InvalidInstances) as caught:
        decode_base64(text, "/instances/3/b64")
    (fault,) = caught.value.faults
    assert fault.pointer == "/instances/3/b64"
    assert fault.detail.startswith(
        "not base64 on one line, with padding and without a data: prefix"
    )
