"""JSON that people write: read as Python's json does, with each key once and finite numbers."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateserve.json_document import read_json

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(VALUES)
def test_what_json_writes_is_read(value: object) -> None:
    text = json.dumps(value)
    assert read_json(text) == read_json(text.encode()) == value


@given(st.lists(st.text(max_size=2), max_size=5), st.integers(0, 3))
def test_a_key_that_stands_twice_is_named_at_any_depth(names: list[str], depth: int) -> None:
    fields = ", ".join(f"{json.dumps(name)}: 0" for name in names)
    text = "[" * depth + f"{{{fields}}}" + "]" * depth
    repeated = {name for name in names if names.count(name) > 1}
    if not repeated:
        read_json(text)
        return
    with pytest.raises(ValueError, match="stands twice in one object") as caught:
        read_json(text)
    assert any(f"the key {name!r} stands" in str(caught.value) for name in repeated)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON: Expecting value"),
        (b"{'a': 1}", "not JSON: Expecting property name"),
        (b'{"a": 1} 2', "not JSON: Extra data"),
        (b'"\xff"', "not JSON: 'utf-8' codec can't decode"),
        (b"[NaN]", "the number NaN is not finite"),
        (b"[-Infinity]", "the number -Infinity is not finite"),
        (b"[1e400]", "the number 1e400 is not finite"),
        (b"9" * 5000, "a number of 5000 digits; at most 4300 are read"),
        (b"[-%b]" % (b"9" * 4301), "a number of 4301 digits"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_anything_else_is_refused_in_one_line(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        read_json(content)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_byte_order_mark_is_ignored() -> None:
    assert read_json(b"\xef\xbb\xbf{}") == {}


def test_the_longest_number_is_read() -> None:
    assert read_json("-" + "9" * 4300) == 1 - 10**4300


def test_a_number_too_small_is_0() -> None:
    assert math.copysign(1, read_json("-1e-400")) == -1  # type: ignore[arg-type]
