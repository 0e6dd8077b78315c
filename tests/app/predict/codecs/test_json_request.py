"""The body parser: valid bodies are read exactly, and each error is named."""

import json
import math
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import MAX_FAULTS, BodyTooLarge, InvalidInstances, MalformedBody, RequestError
from app.predict.codecs.json_request import parse_instances
from app.predict.rows import LARGEST
from stateserve.model.cards.tabular_card import read_card
from tests.project import IRIS, SETOSA

CARD = read_card(IRIS.with_suffix(".json"))
NAMES = list(SETOSA)
numbers = st.floats(-LARGEST, LARGEST) | st.integers(-(10**18), 10**18)
flowers = st.fixed_dictionaries(dict.fromkeys(NAMES, numbers))


def test_a_name_may_have_its_unit_as_in_the_header_of_a_table() -> None:
    titled = {f"{name} (cm)": value for name, value in SETOSA.items()}
    wanted = [list(SETOSA.values())]
    assert parse_instances(json.dumps(titled).encode(), CARD, 1).rows.tolist() == pytest.approx(
        np.array(wanted, np.float32)
    )
    for wrong, detail in (
        ({"petal_width (mm)": 1}, "unknown field"),
        (titled | {"petal_width": 1}, "stands twice"),
    ):
        with pytest.raises(InvalidInstances) as caught:
            parse_instances(json.dumps(wrong).encode(), CARD, 1)
        assert detail in str([each.detail for each in caught.value.faults])


@given(st.lists(flowers, min_size=1, max_size=5), st.randoms())
def test_numbers_arrive_as_float32_in_the_cards_order(batch: list[dict], order) -> None:
    shuffled = [dict(order.sample(list(flower.items()), 4)) for flower in batch]
    parsed = parse_instances(json.dumps({"instances": shuffled}).encode(), CARD, 10)
    wanted = np.array([[float(flower[name]) for name in NAMES] for flower in batch], np.float32)
    assert not parsed.single
    assert parsed.rows.dtype == np.float32
    np.testing.assert_array_equal(parsed.rows, wanted)


@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:0123456789eE+-.naif ').map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(RequestError):
        assert parse_instances(body, CARD, 10).rows.shape[1] == 4


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
)


@given(st.sampled_from(NAMES), json_values)
def test_only_finite_numbers_are_taken(name: str, value: object) -> None:
    body = json.dumps(SETOSA | {name: value}).encode()
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and math.isfinite(value) and abs(value) <= LARGEST:
        assert parse_instances(body, CARD, 1).single
        return
    with pytest.raises(InvalidInstances) as caught:
        parse_instances(body, CARD, 1)
    assert caught.value.faults[0].pointer == f"/{name}"


@pytest.mark.parametrize(
    ("body", "offset"),
    [
        (b"", 0),
        (b'{"sepal_length": 5.1,', 21),
        (b'{"\xc3\xa9": 1, \xff}', 10),
        (b"\xef\xbb\xbf{}", 0),
        (b'{"\xc3\xa9": 1} x', 10),
        (b"[" * 100_000, 0),
    ],
    ids=["empty", "truncated", "not UTF-8", "byte order mark", "trailing", "deep"],
)
def test_what_is_not_json_is_refused_with_the_byte_offset(body: bytes, offset: int) -> None:
    with pytest.raises(MalformedBody, match=f"at byte {offset}$") as caught:
        parse_instances(body, CARD, 10)
    assert caught.value.offset == offset


def with_value(text: str) -> str:
    return json.dumps(SETOSA).replace("5.1", text)


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ("[]", "", "a list where an object with"),
        ("null", "", "null where an object with"),
        ('{"instances": []}', "/instances", "empty; at least one"),
        ('{"instances": {}}', "/instances", "an object where a list"),
        ('{"instances": [5]}', "/instances/0", "a number where an object"),
        ('{"instances": [], "instances": []}', "/instances", "stands twice"),
        ('{"instances": [], "x/y~": 1}', "/x~1y~0", "unknown field"),
        (with_value('"5.1"'), "/sepal_length", "a string where a finite number belongs"),
        (with_value("true"), "/sepal_length", "true where a finite number belongs"),
        (with_value("null"), "/sepal_length", "null where a finite number belongs"),
        (with_value("[5.1]"), "/sepal_length", "a list where a finite number belongs"),
        (with_value("NaN"), "/sepal_length", "NaN where a finite number belongs"),
        (with_value("-Infinity"), "/sepal_length", "-Infinity where a finite number belongs"),
        (
            with_value("1e400"),
            "/sepal_length",
            "too large; numbers from -3.4028234663852886e+38 to 3.4028234663852886e+38",
        ),
        (with_value("9" * 60), "/sepal_length", "too large"),
        (with_value("9" * 5000), "", "too many digits"),
        (with_value('5.1, "sepal_length": 5'), "/sepal_length", "stands twice"),
        (with_value('5.1, "sepal": 5'), "/sepal", "unknown field; the features are sepal_length"),
        ('{"sepal_length": 5.1}', "/sepal_width", "missing; a finite number is needed"),
    ],
)
def test_each_mistake_is_named(body: str, pointer: str, detail: str) -> None:
    with pytest.raises(InvalidInstances) as caught:
        parse_instances(body.encode(), CARD, 10)
    fault = caught.value.faults[0]
    assert fault.pointer == pointer
    assert detail in fault.detail


def test_all_mistakes_are_listed_up_to_a_limit() -> None:
    one = {**SETOSA, "sepal_length": "x", "petal_width": None}
    with pytest.raises(InvalidInstances, match="and 3 more") as caught:
        parse_instances(json.dumps({"instances": [one, SETOSA, one]}).encode(), CARD, 10)
    assert [fault.pointer for fault in caught.value.faults] == [
        "/instances/0/sepal_length",
        "/instances/0/petal_width",
        "/instances/2/sepal_length",
        "/instances/2/petal_width",
    ]
    with pytest.raises(InvalidInstances) as caught:
        parse_instances(json.dumps({"instances": [one] * 100}).encode(), CARD, 100)
    assert len(caught.value.faults) == MAX_FAULTS


def test_the_limit_of_instances_is_exact() -> None:
    body = json.dumps({"instances": [SETOSA] * 3}).encode()
    assert len(parse_instances(body, CARD, 3).rows) == 3
    with pytest.raises(BodyTooLarge, match="3 instances; at most 2"):
        parse_instances(body, CARD, 2)
