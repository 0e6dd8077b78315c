"""Long arrays are cut out of a request's JSON; the rest and the arrays are unchanged."""

import json
from contextlib import suppress

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidInference
from app.predict.codecs.v2_long_data import CUT_OUT, MAX_OTHER_BYTES, cut_out
from stateserve.model.predictor import Predictor
from tests.project import IRIS

INFER = "/v2/models/iris-model/infer"
ROWS = np.random.default_rng(0).uniform(0.1, 7, (20_000, 4)).astype(np.float32)
MARK = json.loads(CUT_OUT)
texts = st.sampled_from(["data", '"data":[', "\\", '"', "x}", "]", "input"]) | st.text(max_size=4)
numbers = st.lists(st.integers(0, 10**6) | st.floats(0, 1), max_size=60)
values = st.recursive(
    texts | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
inputs = st.fixed_dictionaries(
    {"name": texts, "data": numbers | st.lists(numbers, max_size=4)},
    optional={"parameters": st.dictionaries(texts, values, max_size=2)},
)


def put_back(value: object, arrays: list[memoryview]) -> object:
    if isinstance(value, dict):
        return {key: put_back(each, arrays) for key, each in value.items()}
    if isinstance(value, list):
        return [put_back(each, arrays) for each in value]
    return json.loads(bytes(arrays.pop(0))) if value == MARK else value


@given(st.lists(inputs, max_size=3), st.dictionaries(texts, values), st.integers(40, 400))
def test_nothing_is_lost_or_moved(tensors: list, more: dict, most: int) -> None:
    whole = more | {"inputs": tensors}
    body = json.dumps(whole, indent=most % 3 or None).encode() + b"beyond"
    length = len(body) - len(b"beyond")
    with suppress(InvalidInference):
        left, arrays = cut_out(body, length, most)
        assert len(left) <= most
        assert put_back(json.loads(left), arrays) == whole
        assert not arrays


def request(data: str, datatype: str = "FP32", **more: object) -> bytes:
    shape = [len(ROWS), 4]
    tensor = {"name": "input", "shape": shape, "datatype": datatype, "data": "HERE"}
    return json.dumps(more | {"inputs": [tensor], "id": "7"}).replace('"HERE"', data).encode()


@pytest.mark.parametrize("nested", [True, False])
async def test_a_long_request_is_answered_row_for_row(
    client: httpx.AsyncClient, nested: bool
) -> None:
    values = ROWS.tolist() if nested else ROWS.ravel().tolist()
    answer = (await client.post(INFER, content=request(json.dumps(values, indent=1)))).json()
    outputs = {each["name"]: each for each in answer["outputs"]}
    assert (answer["id"], outputs["log_probabilities"]["shape"]) == ("7", [len(ROWS), 3])
    wanted = Predictor.load(IRIS).log_probabilities(ROWS).ravel()
    np.testing.assert_allclose(outputs["log_probabilities"]["data"], wanted, rtol=1e-5)
    assert len(outputs["label"]["data"]) == len(ROWS)


COUNT = ROWS.size
LONG = "[" + "0.5," * COUNT
ALIKE = "[" + ", ".join(["[0.5, 0.5, 0.5, 0.5]"] * len(ROWS)) + "]"
BAD = {
    "a text": (
        LONG[:-1].replace("0.5", '"0.5"', 1) + "]",
        "beside the numbers of data: data has a text as element 0; texts are sent as bytes",
    ),
    "a late text": (
        LONG + LONG[1:].replace("0.5", '"0.5"', 1) + "1]",
        f"data has a text as element {COUNT}; texts are sent as bytes, binary_data_size",
    ),
    "a text in a row": (
        ALIKE[:-1] + ', [1, 2, "3", 4], ' + ALIKE[1:],
        f"data has a text as element {COUNT + 2}",
    ),
    "an object": (LONG + '{"a": 1},' + LONG[1:] + "1]", f"an object as element {COUNT}"),
    "a text in its place": (f'"{LONG[1:]}"', 'a list with the name "data", written without escap'),
    "an object in its place": (f'{{"a": {LONG}1]}}', 'these are a list with the name "data"'),
    "one late": (
        LONG[:-1][: -len("0.5")] + "null]",
        f"data[{COUNT - 1}]: null where a number belongs; NaN, such as a missing value",
    ),
    "one too many": (LONG + "1]", f"data of shape [{COUNT + 1}]"),
    "many too many": (LONG * 9 + "1]", f"data[{COUNT}]: a list where a number belongs"),
    "far too many": ("[" + "1," * 9 * COUNT + "1]", "more data than its shape"),
    "no end": (LONG[:-1], f"the list of data does not end after element {COUNT - 1}"),
    "a comma at the end": (LONG[:-1] + ",]", "data: not valid JSON: trailing comma"),
    "rows too long": (
        ALIKE.replace("0.5]", "0.5, 0.5]"),
        f"data of shape [{len(ROWS)}, 5]",
    ),
    "rows unlike": (
        ALIKE[:-1] + ", [1]]",
        "rows that are not as long",
    ),
    "a long row": ("[[1],[" + "1," * MAX_OTHER_BYTES * 9 + "1]]", "an element of more than"),
    "digits": ("[0." + "1" * 9 * MAX_OTHER_BYTES + "]", "an element of more than"),
    "brackets": ("[" * 5 * MAX_OTHER_BYTES, "the list of data does not end after element 0"),
    "two arrays": (LONG[:-1] + '], "parameters": {"data": ' + LONG[:-1] + "]}", "no input"),
}


@pytest.mark.parametrize(("data", "message"), BAD.values(), ids=BAD)
async def test_a_mistake_in_long_data_is_named(
    client: httpx.AsyncClient, data: str, message: str
) -> None:
    answer = await client.post(INFER, content=request(data))
    assert answer.status_code == 400
    assert message in answer.json()["error"]


async def test_an_escaped_name_of_long_data_is_named(client: httpx.AsyncClient) -> None:
    body = request(LONG + "1]")
    escaped = body.replace(b'"input"', b'"in\\u0070ut"', 1)
    answer = await client.post(INFER, content=escaped)
    assert "data of shape" in answer.json()["error"]
    answer = await client.post(INFER, content=body.replace(b'"data"', b'"d\\u0061ta"'))
    assert answer.status_code == 400
    assert 'the name "data", written without escapes' in answer.json()["error"]


class Counted(bytes):
    """Counts the bytes in which a mark is searched for."""

    searched = 0

    def find(self, sub: bytes, start: int, end: int) -> int:
        found = super().find(sub, start, end)
        self.searched += (end if found < 0 else found) - start
        return found


def test_many_short_arrays_are_read_in_linear_time() -> None:
    body = Counted(b'{"inputs":[{' + b'"data":[1],' * 5000 + b"1" * 10**6)
    with pytest.raises(InvalidInference, match="65536 bytes of JSON"):
        cut_out(body, len(body))
    assert body.searched < 4 * len(body)


MANY = 600_000
BESIDE = {
    "parameters": {"parameters": dict.fromkeys(map(str, range(MANY)), 1)},
    "outputs": {"outputs": [{"name": "index"}] * MANY},
    "an unknown list": {"x": [0] * MANY},
    "a long text": {"x": "x" * MANY},
}


@pytest.mark.parametrize("more", BESIDE.values(), ids=BESIDE)
async def test_what_stands_beside_the_data_is_short(client: httpx.AsyncClient, more: dict) -> None:
    answer = await client.post(INFER, content=request("[1]", **more))
    assert answer.status_code == 400
    assert "more than 65536 bytes of JSON beside the numbers of data" in answer.json()["error"]
