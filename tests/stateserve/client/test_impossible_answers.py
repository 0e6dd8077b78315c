"""Classes and probabilities that no model answers are errors of the client."""

import json
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateserve.errors import NoAnswer
from tests.stateserve.client.answers import RIGHT, as_npy, npy, predicting
from tests.stateserve.client.both_clients import BothClients

MODEL = RIGHT["model"]
ANSWER = {
    "class": "b",
    "index": 1,
    "probabilities": {"a": 0.2, "b": 0.5, "c": 0.3},
    "warnings": [],
}
LOGS = {"a": np.log(0.2), "b": np.log(0.5), "c": np.log(0.3)}


def client_of(*answers: dict[str, Any], single: bool = False) -> BothClients:
    whole = {**answers[0], "model": MODEL} if single else {"predictions": answers, "model": MODEL}
    return BothClients(predicting(httpx.Response(200, content=json.dumps(whole))), patience=0)


IMPOSSIBLE: list[tuple[dict[str, object], str]] = [
    ({"probabilities": {"a": 0.2, "b": 7.5, "c": 0.3}}, "probabilities from 0.2 to 7.5"),
    ({"probabilities": {"a": -0.5, "b": 1, "c": 0.5}}, "probabilities from -0.5 to 1"),
    ({"probabilities": {"a": 0.2, "b": 0.3, "c": 0.2}}, "probabilities whose sum is 0.7"),
    ({"probabilities": {"a": 0.9, "b": 0.9, "c": 0.9}}, "probabilities whose sum is 2.7"),
    ({"index": 99}, "the index 99 of 3 classes"),
    ({"index": -1}, "the index -1 of 3 classes"),
    ({"index": 0}, "the class 'b' does not stand at 0"),
    ({"class": "c", "index": 2}, "the class 'c' is not the most probable one"),
    ({"class": "d"}, "the class 'd' has no probability"),
    ({"log_probabilities": LOGS | {"b": 0.5}}, "'b': a log-probability of another probability"),
    ({"log_probabilities": LOGS | {"b": None}}, "'b': a log-probability of another probability"),
    ({"log_probabilities": {"a": -1.0}}, "log-probabilities of other classes"),
]
MISFITS: list[tuple[dict[str, object], str]] = [
    ({"outputs": {"y": 1.0}}, "an answer has a class, its index and its probabilities, or outputs"),
    ({"index": None}, "an answer has a class, its index and its probabilities, or outputs"),
    ({"probabilities": {}}, "an answer has a class, its index and its probabilities, or outputs"),
]


@pytest.mark.parametrize(("change", "words"), IMPOSSIBLE + MISFITS)
def test_an_impossible_class_is_no_answer(change: dict[str, object], words: str) -> None:
    wrong = ANSWER | change
    many, one = client_of(ANSWER, wrong), client_of(wrong, single=True)
    calls = [lambda: many.predict([{"x": 1}] * 2), lambda: many.predict_body(b"x", "text/csv")]
    for call in [*calls, lambda: one.predict({"x": 1}), lambda: one.predict(b"a picture")]:
        with pytest.raises(NoAnswer, match=words):
            call()


@pytest.mark.parametrize(("change", "words"), IMPOSSIBLE)
def test_so_is_that_of_one_of_several_outputs(change: dict[str, object], words: str) -> None:
    wrong = {"outputs": {"y": [1.0, None], "kind": ANSWER | change}}
    with pytest.raises(NoAnswer, match=words):
        client_of(wrong).predict([{"x": 1}])
    right = {"outputs": {"y": [1.0, None], "kind": ANSWER}}
    assert client_of(right).predict([{"x": 1}])[0].outputs == right["outputs"]


@pytest.mark.parametrize(
    "change",
    [
        # Of bfloat16.
        {"probabilities": {"a": 0.2, "b": 0.51, "c": 0.302}},
        # A tie, after rounding.
        {"probabilities": {"a": 0.4, "b": 0.4, "c": 0.2}},
        {"probabilities": {"a": 0, "b": 1, "c": 0}},
        {"log_probabilities": LOGS},
        {
            "probabilities": {"a": 0, "b": 1, "c": 0},
            "log_probabilities": {"a": None, "b": 0, "c": -90},
        },
    ],
)
def test_a_possible_one_is_taken(change: dict[str, object]) -> None:
    found = client_of(ANSWER | change, single=True).predict({"x": 1})
    assert (found.label, found.index) == ("b", 1)
    assert found.log_probabilities == change.get("log_probabilities")


TOP: list[tuple[int, dict[str, object], str | None]] = [
    (2, {"index": 99, "probabilities": {"b": 0.5, "c": 0.3}}, None),
    (1, {"probabilities": {"b": 0.01}}, None),
    (5, {"probabilities": {"b": 0.5, "c": 0.3, "a": 0.2}}, None),
    (5, {"index": 3, "probabilities": {"b": 0.5, "c": 0.3, "a": 0.2}}, "the index 3 of 3 classes"),
    (5, {"probabilities": {"b": 0.5, "c": 0.3}}, "probabilities whose sum is 0.8"),
    (2, {"probabilities": {"b": 0.9, "c": 0.9}}, "probabilities whose sum is 1.8"),
    (2, {"probabilities": {"c": 0.5, "b": 0.3}}, "'b' is not the most probable one"),
    (2, {}, "3 classes where 2 were asked for"),
]


@pytest.mark.parametrize(("top", "change", "words"), TOP)
def test_of_the_most_probable_classes_no_more_is_known(
    top: int, change: dict[str, object], words: str | None
) -> None:
    client = client_of(ANSWER | change, single=True)
    if words is None:
        assert client.predict({"x": 1}, top=top).label == "b"
    else:
        with pytest.raises(NoAnswer, match=words):
            client.predict({"x": 1}, top=top)


def test_without_classes_there_is_no_label_and_no_index() -> None:
    found = client_of({"outputs": {"y": 2.5}, "warnings": []}, single=True).predict({"x": 1})
    assert (found.label, found.index, found.probabilities) == (None, None, {})


@given(st.lists(st.floats(-20, 20, width=32), min_size=2, max_size=9), st.data())
def test_what_a_softmax_gives_is_taken(logits: list[float], data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from([np.float16, np.float32, np.float64]))
    scaled = np.exp(np.array(logits) - max(logits))
    values = (scaled / scaled.sum()).astype(dtype).astype(float)
    index = int(np.argmax(logits))
    by_class = dict(zip(map(str, range(len(values))), values.tolist(), strict=True))
    answer = {"class": str(index), "index": index, "probabilities": by_class}
    assert client_of(answer, single=True).predict({"x": 1}).index == index


@pytest.mark.parametrize("row", [[7.5, -1, -1], [-1, -1, -1], [-0.1, -0.1, -0.1]])
def test_impossible_log_probabilities_of_an_array_are_no_answer(row: list[float]) -> None:
    # VIEW's output is of log-probabilities.
    client = BothClients(predicting(as_npy(npy(np.array([row] * 5, "f4")))))
    with pytest.raises(NoAnswer, match="'scores' has rows that are no log_probabilities of class"):
        client.predict(np.ones((5, 4)))
