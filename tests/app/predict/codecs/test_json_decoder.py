"""The fast decoder accepts only bodies that the parser accepts, and reads the same rows."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import RequestError
from app.predict.codecs.json_decoder import InstanceDecoder
from app.predict.codecs.json_request import parse_instances
from stateserve.model.cards.tabular_card import Card, read_card
from tests.project import IRIS, SETOSA

CARD = read_card(IRIS.with_suffix(".json"))
DECODER = InstanceDecoder(CARD, 10)
NAMES = list(SETOSA)


def outcome(decode, body: bytes) -> object:
    try:
        instances = decode(body)
    except RequestError as error:
        return type(error), str(error), vars(error)
    return instances.single, instances.rows.dtype, instances.rows.tolist()


def assert_same(body: bytes) -> None:
    assert outcome(DECODER.decode, body) == outcome(
        lambda body: parse_instances(body, CARD, 10), body
    )


values = (
    st.floats()
    | st.integers()
    | st.sampled_from(
        ["true", "null", '"5"', "1e400", "-0", "1E+2", "1e-400", "01", "[1]", "9" * 40]
    )
)
keys = st.sampled_from([*NAMES, "sepal", "instances", "sepal:length", "sepal\\u005flength"])
pairs = st.lists(st.tuples(keys, values), max_size=6)
whole = st.permutations(NAMES).flatmap(
    lambda names: st.tuples(*(st.tuples(st.just(name), values) for name in names))
)


def text(pairs: list[tuple[str, object]]) -> str:
    return "{" + ", ".join(f'"{name}": {value}' for name, value in pairs) + "}"


@given(pairs | whole)
def test_one_instance(pairs) -> None:
    assert_same(text(pairs).encode())


@given(st.lists(pairs | whole | st.just(tuple((name, 1.5) for name in NAMES)), max_size=12))
def test_many_instances(flowers) -> None:
    assert_same(('{"instances": [' + ", ".join(map(text, flowers)) + "]}").encode())


@given(st.binary(max_size=40))
def test_any_bytes_after_a_right_body(tail: bytes) -> None:
    assert_same(json.dumps(SETOSA).encode() + tail)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(SETOSA).replace("}", ', "sepal_length": 1}'),
        json.dumps(SETOSA).replace("sepal_length", "\\u0073epal_length"),
        json.dumps({"instances": [SETOSA] * 10}),
        json.dumps({"instances": [SETOSA] * 11}),
        json.dumps({"instances": [SETOSA], "sepal_length": 1}),
        json.dumps({"instances": [{**SETOSA, "petal_width": 3.4028236e38}]}),
        '{"instances": [], "instances": []}',
        '{"instances": []}',
    ],
)
def test_edges(body: str) -> None:
    assert_same(body.encode())


@pytest.mark.parametrize("names", [["a:b", "c"], ['a"b', "c"], ["a\nb", "c"], ["instances", "c"]])
def test_names_that_the_fast_way_cannot_take_are_read_all_the_same(names: list[str]) -> None:
    features = [
        feature.model_copy(update={"name": name})
        for feature, name in zip(CARD.features, names, strict=False)
    ]
    card: Card = CARD.model_copy(update={"features": features})
    decoder = InstanceDecoder(card, 10)
    body = json.dumps(dict(zip(names, [1.5, 2.5], strict=True))).encode()
    np.testing.assert_array_equal(decoder.decode(body).rows, [[1.5, 2.5]])
