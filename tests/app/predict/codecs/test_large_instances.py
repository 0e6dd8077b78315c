"""Large bodies are read in slices, with the same result as in one call."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import MAX_FAULTS, BodyTooLarge, InvalidInstances, MalformedBody, RequestError
from app.predict.codecs.json_decoder import InstanceDecoder
from app.predict.codecs.json_request import parse_instances
from app.predict.codecs.large_instances import WHOLE_BYTES, read_large
from stateserve.model.cards.tabular_card import read_card
from tests.project import IRIS, SETOSA

CARD = read_card(IRIS.with_suffix(".json"))
LIMIT = 40
DECODER = InstanceDecoder(CARD, LIMIT)
FLOWER = json.dumps(SETOSA)
WRONG = [
    FLOWER.replace("5.1", '"},{"'),
    FLOWER.replace("5.1", "NaN"),
    FLOWER.replace("5.1", "1e31"),
    FLOWER.replace("5.1", '{"a": [1, {}]}, "b": {}'),
    FLOWER.replace("sepal_length", "s\\u00e9pal\u00e9"),
    FLOWER.replace("}", ', "petal_width": 1}'),
    "{}",
    "12345.5e-12",
    "-Infinity",
    '"' + "\u00e9\U0001f337" * 30 + '"',
    "[[], {}]",
    "null",
]
SPACES = st.sampled_from(["", "", " ", "\n\t", "\r\n    ", " " * 1100])
FLOWERS = st.sampled_from([FLOWER] * 30 + [FLOWER.replace(": ", " :\n"), *WRONG])
ENDS = [
    *["]}"] * 6,
    *["]} ", "]", "", "]}x", "]}]}", ",]}", '],"x":1}', '],"instances":[]}', "],}", "]]}"],
    *['"', "] 5}", "],5}", "\ufeff]}", "\x00]}"],
]


def outcome(read, body: bytes) -> object:
    try:
        instances = read(body)
    except RequestError as error:
        return type(error), str(error), vars(error)
    return instances.single, instances.rows.dtype, instances.rows.tolist()


def sliced(body: bytes, slice_bytes: int) -> object:
    return outcome(lambda b: read_large(b, CARD, LIMIT, DECODER.decode_list, slice_bytes), body)


def whole(body: bytes) -> object:
    return outcome(lambda body: parse_instances(body, CARD, LIMIT), body)


def require_same(body: bytes, slice_bytes: int) -> None:
    found, wanted = sliced(body, slice_bytes), whole(body)
    if found != wanted:
        # Reported early: after MAX_FAULTS faults the rest is not read.
        assert found[0] is InvalidInstances, (found, wanted)
        faults = found[2]["faults"]
        early = len(faults) == MAX_FAULTS or "/instances/" not in faults[0].pointer
        assert early, (found, wanted)
        assert wanted[0] is not float


@given(st.data())
def test_slices_are_read_as_the_whole_is(data: st.DataObject) -> None:
    flowers = data.draw(st.lists(FLOWERS, max_size=LIMIT + 2))
    space = data.draw(SPACES)
    end = data.draw(st.sampled_from(ENDS))
    text = f'{space}{{"instances"{space}:[' + f"{space},{space}".join(flowers) + space + end
    body = text.encode()
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(body)))
        body = body[:at] + data.draw(st.sampled_from([b"\xff", b"}", b",", b'"', b""])) + body[at:]
    require_same(body, data.draw(st.integers(1, 600)))


@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:0123456789eE+-.naif ').map(str.encode))
def test_any_bytes_are_read_or_refused_as_the_whole_is(body: bytes) -> None:
    require_same(body, 10)
    require_same(b'{"instances":[' + body, 10)


@pytest.mark.parametrize("cut", range(1000, 1060))
def test_a_value_that_a_window_cuts_anywhere_is_read_whole(cut: int) -> None:
    values = '"\\ud83d\\ude00\U0001f337", -Infinity, 1.5e+12, true, -0.25E-3'
    body = ('{"x": [' + " " * (cut - 40) + values + "]}").encode()
    require_same(body, 10)
    body = f'{{"instances": [{" " * (cut - 60)}{values}]}}'.encode()
    require_same(body, 10)


COUNT = 3000
MANY = [FLOWER] * COUNT


def many(flowers: list[str]) -> bytes:
    return ('{"instances": [' + ",".join(flowers) + "]}").encode()


def read(body: bytes) -> object:
    assert len(body) > WHOLE_BYTES
    return InstanceDecoder(CARD, COUNT + 1).decode(body)


def test_a_mistake_late_in_a_large_body_is_named_with_its_place() -> None:
    flowers = MANY.copy()
    flowers[2500] = FLOWER.replace("0.2", "null")
    with pytest.raises(InvalidInstances) as caught:
        read(many(flowers))
    assert [f.pointer for f in caught.value.faults] == ["/instances/2500/petal_width"]
    body = many(MANY)
    at = body.rindex(b"0.2")
    with pytest.raises(MalformedBody) as malformed:
        read(body[:at] + b"x" + body[at:])
    assert malformed.value.offset == at
    with pytest.raises(MalformedBody) as malformed:
        read(body[:-2])
    assert malformed.value.offset == len(body) - 2


def test_a_large_body_is_read_exactly() -> None:
    rows = np.random.default_rng(0).uniform(0, 9, (COUNT, 4)).astype(np.float32)
    flowers = [json.dumps(dict(zip(SETOSA, row, strict=True))) for row in rows.tolist()]
    np.testing.assert_array_equal(read(many(flowers)).rows, rows)
    with pytest.raises(BodyTooLarge, match="3002 instances; at most 3001"):
        read(many([*flowers, FLOWER, FLOWER]))


MIB = 2**20
HUGE: dict[str, Callable[[], bytes]] = {
    "names": lambda: b"{" + b",".join(b'"%d":1' % number for number in range(MIB)) + b"}",
    "names in a list": lambda: b'{"instances":[{' + b'"a":1,' * MIB + b'"a":1}]}',
    "a name": lambda: b'{"' + b"a" * 9 * MIB + b'":1}',
    "a string": lambda: b'{"sepal_length":"' + b"\\u0000" * MIB + b'"}',
    "lists": lambda: b'{"sepal_length":[' + b"[]," * MIB + b"[]]}",
    "digits": lambda: b'{"sepal_length":0.' + b"0" * 9 * MIB + b"}",
    "space": lambda: b'{"sepal_length":' + b" " * 9 * MIB + b"1}",
    "after the list": lambda: many([FLOWER])[:-1] + b',"' + b"a" * 9 * MIB + b'":1}',
}


@pytest.mark.parametrize("make", HUGE.values(), ids=HUGE)
def test_what_no_instance_needs_is_refused_before_it_is_parsed(make: Callable[[], bytes]) -> None:
    with pytest.raises(BodyTooLarge, match="more than the 65536 bytes that one instance may have"):
        read(make())


def test_many_mistakes_are_told_without_looking_at_the_rest() -> None:
    with pytest.raises(InvalidInstances) as caught:
        read(many(["5"] * 9 * MIB))
    assert len(caught.value.faults) == MAX_FAULTS


def test_names_that_are_not_decoded_fast_are_read_in_slices_too() -> None:
    features = [
        feature.model_copy(update={"name": f"{feature.name}:x"}) for feature in CARD.features
    ]
    decoder = InstanceDecoder(CARD.model_copy(update={"features": features}), COUNT)
    body = many([FLOWER.replace('":', ':x":')] * COUNT)
    np.testing.assert_array_equal(
        decoder.decode(body).rows, np.tile(np.float32([*SETOSA.values()]), (COUNT, 1))
    )
