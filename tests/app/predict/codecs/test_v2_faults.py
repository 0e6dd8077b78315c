"""A name that stands twice in a v2 request is refused, in short and in long requests."""

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidInference
from app.predict.codecs.v2_faults import require_each_once

INFER = "/v2/models/iris-model/infer"
ONE = '[{"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]'


class Pairs(list):
    """An object whose names may stand twice."""


names = st.sampled_from(["a", "b", "a:", "c/d"])
values = st.recursive(
    st.integers(0, 9) | st.sampled_from(["a", ":", '"']),
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(st.tuples(names, inner), max_size=3).map(Pairs)
    ),
    max_leaves=8,
)


def text_of(value: object) -> str:
    if isinstance(value, Pairs):
        inner = ",".join(f"{json.dumps(name)} : {text_of(each)}" for name, each in value)
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{','.join(map(text_of, value))}]"
    return json.dumps(value)


def names_in(text: str) -> tuple[int, bool]:
    """The number of names, and whether one stands twice."""
    counts: list[int] = []
    twice: list[bool] = []

    def look(pairs: list[tuple[str, object]]) -> dict[str, object]:
        counts.append(len(pairs))
        twice.append(len(dict(pairs)) < len(pairs))
        return dict(pairs)

    json.loads(text, object_pairs_hook=look)
    return sum(counts), any(twice)


@given(values)
def test_what_stands_twice_is_found(value: object) -> None:
    text = text_of(value)
    _, twice = names_in(text)
    if twice:
        with pytest.raises(InvalidInference, match="stands twice"):
            require_each_once(text.encode(), -1)
    else:
        require_each_once(text.encode(), -1)


LONG = ONE.replace("1, 4", "20000, 4").replace("[1, 2, 3, 4]", f"[{', '.join(['1'] * 80_000)}]")
TWICE = {
    "/inputs": f'{{"inputs": [], "inputs": {ONE}}}',
    "/inputs/0/shape": f'{{"inputs": {ONE.replace("[1, 4]", "[9, 4]", 1)}}}'.replace(
        '"shape"', '"shape": [1, 4], "shape"'
    ),
    "/inputs/0/data": f'{{"inputs": {LONG}}}'.replace('"data"', '"data": [1], "data"'),
    "/parameters/a": f'{{"parameters": {{"a": 1, "a": 2}}, "inputs": {LONG}}}',
    "/outputs/0/name": f'{{"inputs": {ONE}, "outputs": [{{"name": "x", "name": "label"}}]}}',
    "/unknown/b": f'{{"unknown": {{"b": 1, "b": {{}}}}, "inputs": {ONE}}}',
}


@pytest.mark.parametrize("place", TWICE)
async def test_a_request_with_a_name_twice_is_refused(
    client: httpx.AsyncClient, place: str
) -> None:
    answer = await client.post(INFER, content=TWICE[place])
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": f"the body: {place} stands twice"},
    )


@pytest.mark.parametrize("inputs", [ONE, LONG])
async def test_colons_in_texts_and_unknown_names_are_no_names_twice(
    client: httpx.AsyncClient, inputs: str
) -> None:
    body = f'{{"id": "a:b", "unknown": {{"c": 1}}, "inputs": {inputs}}}'
    assert (await client.post(INFER, content=body)).status_code == 200
