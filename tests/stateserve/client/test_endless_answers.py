"""Answers without an end, or longer than any of their kind, are no answers."""

from collections.abc import AsyncIterator, Callable, Iterator

import httpx
import pytest

from stateserve.client.client import Client
from stateserve.errors import NoAnswer
from tests.stateserve.client.both_clients import BothClients


def test_pages_without_an_end_are_no_answer() -> None:
    asked: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(int(request.url.params["offset"]))
        page = {"shape": [1], "dtype": "float32", "sha256": "0"}
        entries = [page | {"name": f"w{asked[-1] + place}"} for place in range(1000)]
        return httpx.Response(200, json={"entries": entries, "more": "." * 2**25})

    client = Client("http://test", transport=httpx.MockTransport(answer))
    with pytest.raises(NoAnswer, match=r"an answer of more than \d+ bytes"):
        client.open_state()
    assert asked == [*range(0, 8000, 1000)]


class Endless(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield MEBIBYTE

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield MEBIBYTE


MEBIBYTE = b" " * 2**20
ZIPPED, ZIPPED_TWICE = {"Content-Encoding": "gzip"}, {"Content-Encoding": "gzip, gzip"}
TOO_LONG = [
    ({"headers": ZIPPED}, "an answer in 'gzip', which was not asked for"),
    ({"headers": ZIPPED_TWICE}, "an answer in 'gzip, gzip', which was not asked for"),
    ({"headers": {"Content-Length": "9" * 5000}}, "an answer of more than [0-9]+ bytes"),
    ({"status_code": 422}, "an answer of more than 1048576 bytes"),
    ({}, "an answer of more than [0-9]+ bytes"),
]


@pytest.mark.parametrize(("parts", "words"), TOO_LONG)
def test_an_endless_answer_is_no_answer(parts: dict[str, object], words: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Accept-Encoding"] == "identity"
        return httpx.Response(**{"status_code": 200, "stream": Endless()} | parts)  # type: ignore[arg-type]

    client = BothClients(httpx.MockTransport(answer), patience=0)
    assert not client.ready()
    calls: list[Callable[[], object]] = [client.card, client.models, client.open_state]
    calls += [lambda: client.predict({"w": 1}), lambda: client.predict(b"a")]
    calls += [lambda: client.explain_picture(b"a")]
    if parts:
        # A state is limited by the memory of the machine.
        calls += [client.state, client.arrays, lambda: client.tensor("w")]
    for call in calls:
        with pytest.raises(NoAnswer, match=f"^http://test/.*: {words}; .*$"):
            call()
