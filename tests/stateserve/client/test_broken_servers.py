"""Answers of broken servers and proxies: none is taken, and each is an error of the client."""

import io
import json
from collections.abc import Callable
from contextlib import suppress

import httpx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateserve.errors import ClientError, NoAnswer, Problem
from tests.stateserve.client.answers import FEATURES, RIGHT, VIEW, as_npy, npy, predicting
from tests.stateserve.client.both_clients import BothClients

ROWS = np.ones((5, 4))
FRAME = pd.DataFrame(ROWS, columns=FEATURES)
DICTS = FRAME.to_dict("records")
RIGHT_ARRAY = np.log(np.full((5, 3), 1 / 3, np.float32))
MODEL = RIGHT["model"]
ANSWER = {name: value for name, value in RIGHT.items() if name != "model"}


def client_of(answer: httpx.Response) -> BothClients:
    return BothClients(predicting(answer), patience=0)


def test_a_right_answer_is_taken() -> None:
    client = client_of(as_npy(npy(RIGHT_ARRAY)))
    assert len(client.predict(ROWS)) == len(client.predict(FRAME)) == 5


def npz() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, RIGHT_ARRAY)
    return stream.getvalue()


HUGE = npy(RIGHT_ARRAY)[:128].replace(b"(5, 3)", b"(1" + b"0" * 15 + b", 3)")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npy(RIGHT_ARRAY[:2]), "2 answers to 5 rows"),
        (npy(np.tile(RIGHT_ARRAY, (2, 1))), "10 answers to 5 rows"),
        (npy(np.zeros((5, 7), "f4")), r"shape \[5, 7\]; that of scores is \[-1, 3\]"),
        (npy(RIGHT_ARRAY[:, :1]), r"shape \[5, 1\]"),
        (npy(RIGHT_ARRAY[:, 0]), r"shape \[5\]"),
        (npy(np.full((5, 3), np.nan, "f4")), "scores has NaN or infinity"),
        (npy(RIGHT_ARRAY.astype("c8")), "an array of complex64; scores is float32"),
        (npy(np.zeros((5, 3), "i4")), "an array of int32"),
        (npy(np.zeros((5, 3), "M8[ns]")), "no array of numbers"),
        (npy(np.full((5, 3), "a")), "no array of numbers"),
        (npz(), "not a whole .npy file"),
        (HUGE, "not a whole .npy file"),
        (b"", "not a whole .npy file"),
    ],
)
@pytest.mark.parametrize("given", [ROWS, FRAME], ids=["array", "frame"])
def test_a_binary_answer_fits_the_rows_and_the_model(
    content: bytes, words: str, given: object
) -> None:
    wanted = f"^http://test/predict.*: not what this client reads: .*{words}.*; is this the address"
    with pytest.raises(NoAnswer, match=wanted):
        client_of(as_npy(content)).predict(given)


def test_each_chunk_has_its_rows() -> None:
    rows = np.ones((100_001, 4))
    with pytest.raises(NoAnswer, match="5 answers to 100000 rows"):
        client_of(as_npy(npy(RIGHT_ARRAY))).predict(rows)


@pytest.mark.parametrize("outside", ["6", "-1", "many"])
def test_headers_of_a_binary_answer_are_read(outside: str) -> None:
    with pytest.raises(NoAnswer, match=r"out of range|invalid literal"):
        client_of(as_npy(npy(RIGHT_ARRAY), outside)).predict(ROWS)
    answer = as_npy(npy(RIGHT_ARRAY))
    del answer.headers["X-Model-Version"]
    with pytest.raises(NoAnswer, match="headers do not name a model"):
        client_of(answer).predict(ROWS)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([ANSWER] * 2, "2 answers to 5 rows"),
        ([], "0 answers to 5 rows"),
        ([ANSWER] * 4 + [ANSWER | {"probabilities": {"a": 0.5, "b": 0.5}}], "other classes"),
        ([ANSWER | {"probabilities": {"a": "1"}}] * 5, "Expected `float`"),
    ],
)
def test_an_answer_in_json_fits_the_rows(answers: list[object], words: str) -> None:
    client = client_of(httpx.Response(200, json={"predictions": answers, "model": MODEL}))
    with pytest.raises(NoAnswer, match=words):
        client.predict(DICTS)


def test_one_picture_has_one_answer() -> None:
    two = httpx.Response(200, json={"predictions": [ANSWER] * 2, "model": MODEL})
    with pytest.raises(NoAnswer, match="2 answers to 1 rows"):
        client_of(two).predict(b"a picture")
    none = httpx.Response(200, json={"predictions": [], "model": MODEL})
    with pytest.raises(NoAnswer, match="no answers"):
        client_of(none).predict_body(b"a table", "text/csv")
    with pytest.raises(NoAnswer, match="1 classes where 0 were asked for"):
        client_of(two).predict_body(b"a table", "text/csv", top=0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"signature": {}},
        {"signature": VIEW["signature"] | {"outputs": []}},  # type: ignore[operator]
        {"card": {"schema_version": 1, "table": {"class_dtype": "int64"}}},
    ],
)
def test_a_model_without_a_signature_is_no_answer(wrong: dict[str, object]) -> None:
    view = httpx.Response(200, json=VIEW | wrong)
    client = BothClients(httpx.MockTransport(lambda _: view))
    with pytest.raises(NoAnswer, match="not what this client reads"):
        client.predict(ROWS)


def test_other_methods_check_their_answers() -> None:
    page = {"name": "w", "shape": [1], "dtype": "float32", "sha256": "0"}
    pages = [page | {"name": f"w{place}"} for place in range(1000)]
    calls: list[tuple[httpx.Response, Callable[[BothClients], object], str]] = [
        (httpx.Response(200, html="<p>"), lambda c: c.explain_picture(b"a"), "no PNG"),
        (httpx.Response(200, html="<p>"), lambda c: c.feedback("id", "a"), "malformed"),
        (httpx.Response(200, json={"entries": pages}), lambda c: c.open_state(), "same tensors"),
        (httpx.Response(204), lambda c: c.explain({"w": 1}), "truncated"),
    ]
    for answer, call, words in calls:
        with pytest.raises(NoAnswer, match=words):
            call(client_of(answer))


def test_the_text_of_a_problem_is_cut() -> None:
    client = client_of(httpx.Response(422, json={"detail": "a" * 500_000}))
    with pytest.raises(Problem) as error:
        client.predict({"w": 1})
    assert len(str(error.value)) < 1100
    assert len(error.value.detail) == 500_000


HEADERS = st.builds(
    "{{'descr': '{}', 'fortran_order': {}, 'shape': {}}}".format,
    st.sampled_from(["<f4", ">f8", "|O", "<c8", "<U9", "|b1", "<M8[ns]", "f", "|V4", ""]),
    st.sampled_from(["False", "True", "1"]),
    st.lists(st.integers(-1, 2**70), max_size=3).map(tuple) | st.just("(5, 3)"),
)


@given(HEADERS, st.binary(max_size=80))
def test_no_npy_file_breaks_the_client(header: str, rest: bytes) -> None:
    text = header.encode() + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + rest
    with pytest.raises(NoAnswer):
        client_of(as_npy(content)).predict(ROWS)


WORDS = "predictions model class index probabilities card signature name version default models"
ANY_JSON = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=5),
    lambda some: (
        st.lists(some, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS.split()), some, max_size=6)
    ),
    max_leaves=10,
)


@given(
    st.binary(max_size=200) | ANY_JSON.map(lambda value: json.dumps(value).encode()),
    st.sampled_from([200, 204, 301, 404, 422, 500]),
)
def test_no_body_breaks_the_client(content: bytes, status: int) -> None:
    answer = httpx.Response(status, content=content)
    client = BothClients(httpx.MockTransport(lambda _: answer), patience=0)
    calls = [client.arrays, client.card, client.models, lambda: client.predict(DICTS)]
    calls += [lambda: client.predict(ROWS), lambda: client.explain({"w": 1})]
    for call in calls:
        with suppress(ClientError):
            call()
