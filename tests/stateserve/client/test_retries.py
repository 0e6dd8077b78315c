"""Retries of the client, driven step by step, without waits."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stateserve.client.retries import Outcome, persist
from stateserve.errors import NoAnswer

REQUEST = httpx.Request("GET", "http://test/model")
OK = httpx.Response(200)


def busy(retry_after: str | None = None) -> httpx.Response:
    headers = {} if retry_after is None else {"Retry-After": retry_after.encode()}
    return httpx.Response(503, headers=headers)


def drive(*outcomes: Outcome, patience: float = 60.0) -> tuple[list[float], httpx.Response]:
    """The pauses before each attempt, and the answer, for these outcomes of attempts."""
    exchange = persist(REQUEST, patience)
    pauses = [next(exchange).pause]
    for outcome in outcomes:
        try:
            pauses.append(exchange.send(outcome).pause)
        except StopIteration as end:
            return pauses, end.value
    raise AssertionError(f"still asking after {len(outcomes)} outcomes")


def test_an_answer_ends_it_without_a_pause() -> None:
    assert drive(OK) == ([0], OK)


@pytest.mark.parametrize("status", [429, 503])
def test_too_much_at_a_time_is_asked_again(status: int) -> None:
    busy = httpx.Response(status, headers={"Retry-After": "3"})
    pauses, answer = drive(busy, OK)
    assert pauses == [0, 3]
    assert answer is OK


@pytest.mark.parametrize("status", [200, 304, 400, 401, 403, 404, 422, 500, 502, 504])
def test_nothing_else_is_asked_again(status: int) -> None:
    response = httpx.Response(status, headers={"Retry-After": "0"})
    assert drive(response) == ([0], response)


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout(""),
        httpx.ReadError("reset"),
        httpx.WriteError("reset"),
        httpx.RemoteProtocolError("disconnected"),
    ],
)
def test_a_lost_connection_is_asked_again(error: httpx.RequestError) -> None:
    pauses, answer = drive(error, error, OK)
    assert len(pauses) == 3
    assert answer is OK


@pytest.mark.parametrize(
    "error",
    [httpx.ReadTimeout("slow"), httpx.UnsupportedProtocol("ftp"), httpx.TooManyRedirects("loop")],
)
def test_an_error_that_will_not_pass_is_raised_at_once(error: httpx.RequestError) -> None:
    with pytest.raises(NoAnswer, match=r"^http://test/model: ") as caught:
        drive(error)
    assert caught.value.__cause__ is error


def test_an_error_without_a_text_is_named() -> None:
    with pytest.raises(NoAnswer, match=r"^http://test/model: ReadTimeout; the service may be busy"):
        drive(httpx.ReadTimeout(""))


def test_retry_after_in_seconds_is_waited_out() -> None:
    pauses, _ = drive(busy("3"), busy("7"), OK)
    assert pauses == [0, 3, 7]


def test_retry_after_as_a_date_is_waited_out() -> None:
    date = datetime.now(UTC) + timedelta(seconds=30)
    pauses, _ = drive(busy(format_datetime(date, usegmt=True)), OK)
    assert 25 < pauses[1] <= 30


@pytest.mark.parametrize(
    "value",
    [
        *(None, "0", "", "soon", "-5", "1.5", "٣", "Wed, 21 Oct 2015 07:28:00 GMT"),
        "Fri, 31 Dec 9999 23:59:59 +99999999999999999999",
        "Wed, 21 Oct 0001 07:28:00 -0000",
    ],
)
def test_without_a_future_retry_after_pauses_grow_to_two_seconds(value: str | None) -> None:
    pauses, _ = drive(*[busy(value)] * 9, OK)
    longest = [0.1, 0.2, 0.4, 0.8, 1.6, 2, 2, 2, 2]
    for pause, limit in zip(pauses[1:], longest, strict=True):
        assert limit / 2 <= pause <= limit


DATES = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Fri", "", "x"]),
    st.integers(-1, 40),
    st.sampled_from(["Dec", "Foo"]),
    st.integers(-1, 100_000),
    *[st.integers(-1, 99)] * 3,
    st.sampled_from(["GMT", "-2300", "+9999999999999999", "-0000", "", "PDT"]),
)


@given(DATES | st.text(max_size=20) | st.integers().map(str))
@example("Fri, 31 Dec 9999 23:59:59 -2300")
def test_no_retry_after_breaks_the_client(value: str) -> None:
    response = httpx.Response(503, headers={"Retry-After": value.encode(errors="replace")})
    assert drive(response, patience=0) == ([0], response)


def test_a_retry_after_past_the_patience_is_not_waited_for() -> None:
    response = busy("3600")
    assert drive(response, patience=60) == ([0], response)


def test_no_patience_asks_once() -> None:
    response = busy("0")
    assert drive(response, patience=0) == ([0], response)
    with pytest.raises(NoAnswer, match="refused"):
        drive(httpx.ConnectError("refused"), patience=0)


def test_patience_ends() -> None:
    response = busy()
    pauses, answer = drive(*[response] * 9, patience=0.2)
    assert answer is response
    assert all(pause <= 0.2 for pause in pauses)
