"""What a client cannot send is a ClientError, which says what it takes instead."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
import torch

from stateserve.client.async_client import AsyncClient
from stateserve.client.client import Client
from stateserve.client.frames.rows import FrameRows
from stateserve.errors import ClientError, Problem
from stateserve.model import Signature
from tests.process import Process
from tests.project import SETOSA
from tests.stateserve.client.answers import RIGHT

ODD = pd.DataFrame(np.ones((1, 5)))
ODD.columns = pd.Index([*SETOSA, "\ud800"], dtype=object)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (np.full((1, 4), "2020-01-01", "M8[ns]"), r"a date \(datetime64\[ns\]\) is not sent"),
        (np.full((1, 4), 5, "m8[ns]"), "a span of time"),
        (np.ma.masked_equal(np.full((1, 4), 5, "m8[ns]"), 3), "a span of time"),
        (SETOSA | {"petal_width": np.datetime64("2020-01-01", "ns")}, "a date"),
        ([[np.timedelta64(5, "ns")] * 4], "a span of time"),
        (np.zeros((1, 4), "V4"), "raw bytes"),
        (torch.ones(1, 4, device="meta"), "Cannot copy out of meta tensor"),
        (SETOSA | {"petal_width": 10**5000}, "no JSON"),
        (pd.DataFrame([SETOSA]).astype(object).assign(petal_width=10**5000), "int without a text"),
        (ODD, "half of a pair"),
        (pd.DataFrame([SETOSA]).assign(petal_width=True), "row 0: 'True' is not a finite number"),
        (np.ones((1, 4), bool), "an array of bool; integers and floats are taken"),
        (np.ma.masked_equal(np.ones((1, 4), bool), 3), "true where a finite number belongs"),
    ],
)
def test_a_value_that_is_no_number_is_refused(server: Process, wrong: Any, words: str) -> None:
    with pytest.raises(ClientError, match=words):
        Client(server.url).predict(wrong)


def test_a_date_is_not_explained(server: Process) -> None:
    with pytest.raises(ClientError, match="a date"):
        Client(server.url).explain(np.full(4, "2020", "M8[ns]"))


def seen_by(call: Callable[[Client], object]) -> list[str]:
    """The paths that a call asks for."""
    paths: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path.decode())
        return httpx.Response(200, json=RIGHT | {"default": "m"})

    call(Client("http://test", transport=httpx.MockTransport(handle)))
    return paths


def test_a_version_may_be_an_integer() -> None:
    def ask(client: Client) -> None:
        client.predict(SETOSA, version=1)

    assert seen_by(ask) == ["/models", "/models/m/versions/1/predict"]


@pytest.mark.parametrize("name", ["", ".", "..", 1.5, True, b"a"])
def test_no_name_asks_for_another_path(server: Process, name: Any) -> None:
    client = Client(server.url)
    calls: list[Callable[[], object]] = [
        lambda: client.predict(SETOSA, model=name),
        lambda: client.card(version=name),
        lambda: client.tensor(name),
    ]
    for call in calls:
        with pytest.raises(ClientError, match=r"is a text, not|has the name|404: no tensor"):
            call()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda c: c.predict_body(b"x", "é"), "a media type is ASCII"),
        (lambda c: c.predict_body("x", "text/csv"), "a body is bytes, not str"),
        (lambda c: c.tensor(None), "a tensor's name is a text"),
        (lambda c: c.predict_table(None), "a table is the path of its file"),
        (lambda c: c.tensor("hidden.weight", slice(0, 2)), "a slice is a text such as"),
        (lambda c: c.feedback(None, "a"), "it has no id"),
        (lambda c: c.predict([SETOSA], skip_bad_rows=True), "skip_bad_rows: a DataFrame"),
        (lambda c: c.predict(SETOSA, top="\ud800"), "not sent"),
    ],
)
def test_an_argument_that_cannot_be_sent_is_named(
    server: Process, call: Callable[[Client], object], words: str
) -> None:
    with pytest.raises(ClientError, match=words):
        call(Client(server.url))


@pytest.mark.parametrize(
    "options",
    [
        {"patience": math.nan},
        {"patience": -1},
        {"patience": "1"},
        {"timeout": -1},
        {"timeout": math.inf},
        {"timeout": "soon"},
        {"limits": 5},
        {"transport": 5},
        {"key": 5},
        {"headers": {"X-Request-ID": "é"}},
        {"keys": "misspelt"},
        {"url": None},
    ],
)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_an_option_that_cannot_be_is_named(
    kind: Callable[..., object], options: dict[str, object]
) -> None:
    with pytest.raises(ClientError):
        kind(**{"url": "http://test"} | options)


def test_a_batch_in_one_dict_gets_a_hint(server: Process) -> None:
    client = Client(server.url)
    columns = {name: np.array([value] * 3) for name, value in SETOSA.items()}
    for batch in (columns, {name: each.tolist() for name, each in columns.items()}):
        with pytest.raises(Problem, match=r"without the batch axis; send a list of dicts$"):
            client.predict(batch)
    with pytest.raises(Problem) as caught:
        client.predict(SETOSA | {"petal_width": [1.0]})
    assert caught.value.hint == ""


def test_bad_rows_of_a_frame_are_left_out_on_request(server: Process) -> None:
    client = Client(server.url)
    frame = pd.DataFrame([{"note": "no feature"} | SETOSA] * 4, index=list("abcd"))
    frame["petal_width"] = [0.2, None, 0.3, "wide"]
    with pytest.raises(ClientError, match="column 'petal_width'"):
        client.predict(frame)
    left_out = "2 of 4 rows are left out, the first: column 'petal_width', row 1: missing value"
    with pytest.warns(UserWarning, match=left_out) as warned:
        found = client.predict(frame, skip_bad_rows=True)
    # At the line of the caller, not of the library.
    assert [each.filename for each in warned] == [__file__]
    assert found.index.tolist() == ["a", "c"]
    assert found.equals(client.predict(frame.loc[["a", "c"]]))
    with pytest.raises(ClientError, match="all 2 rows are bad"):
        client.predict(frame.loc[["b", "d"]], skip_bad_rows=True)


def test_a_warning_names_the_row_among_all_rows() -> None:
    features = [{"name": "age", "missing": False}, {"name": "income", "missing": True}]
    signature = Signature.model_validate(
        {
            "inputs": [{"name": "x", "dtype": "float32", "shape": [-1, 2], "features": features}],
            "outputs": [{"name": "y", "dtype": "float32", "shape": [-1, 1]}],
        }
    )
    income = [str(each) for each in range(100)]
    income[5] = "abc"
    frame = pd.DataFrame({"age": [0.0, None, *range(2, 100)], "income": income})
    with pytest.warns(UserWarning, match="1 of 100 rows are left out"):
        rows = FrameRows(frame).without_bad_rows(signature)
    with pytest.warns(UserWarning, match=r"the cell 'abc' \(row 5\) is no number"):
        found = rows.records(signature, slice(3, 5))
    assert found == [{"age": 4, "income": 4}, {"age": 5, "income": None}]


def test_a_refusal_with_half_of_a_pair_is_read(server: Process) -> None:
    with pytest.raises(Problem, match=r"/\\ud800: unknown field"):
        Client(server.url).predict({"\ud800": 1})
    answer = httpx.Response(422, content=b'{"detail": "/\\ud800: unknown\\n"}')
    other = Client("http://test", transport=httpx.MockTransport(lambda _: answer))
    with pytest.raises(Problem, match=r"422: /\\ud800: unknown\\n$"):
        other.predict(SETOSA)


@pytest.mark.parametrize(
    ("kind", "other"),
    [(Client, httpx.AsyncHTTPTransport()), (AsyncClient, httpx.HTTPTransport())],
)
def test_a_transport_of_the_other_kind_is_refused(
    kind: Callable[..., object], other: object
) -> None:
    with pytest.raises(ClientError, match=r"transport is of the type httpx\.\w*BaseTransport"):
        kind("http://test", transport=other)


@pytest.mark.parametrize("made", [Client, AsyncClient])
@pytest.mark.parametrize("rest", ["/?version=9", "?model=iris", "/#state"])
def test_an_address_with_a_query_is_refused(made: type[Client], rest: str) -> None:
    with pytest.raises(ClientError, match="/models/NAME/versions/VERSION chooses"):
        made(f"http://127.0.0.1:8000{rest}")


@pytest.mark.parametrize("error", [MemoryError, OSError, UnicodeError])
async def test_an_error_of_the_rows_themselves_is_raised(error: type[Exception]) -> None:
    def rows() -> Iterator[dict[str, float]]:
        yield {"w": 1}
        raise error("of the rows")

    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=RIGHT))
    with pytest.raises(error, match="of the rows"):
        Client("http://test", transport=transport).predict(rows())
    async with AsyncClient("http://test", transport=transport) as client:
        with pytest.raises(error, match="of the rows"):
            await client.predict(rows())
