"""A server that never finishes holds no client longer than its total_timeout."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import anyio
import httpx
import pytest

from stateserve.client.async_client import AsyncClient
from stateserve.client.client import Client
from stateserve.errors import ClientError, NoAnswer, Problem
from tests.stateserve.client.answers import RIGHT
from tests.stateserve.client.both_clients import BothClients
from tests.stateserve.client.slow_server import ENDLESS, HEAD, INTERIM, slow_server

WORDS = r"^http://127.0.0.1:\d+/predict: no whole answer after 0.1 s; total_timeout=SECONDS lets"
LIMIT = 0.1


@pytest.mark.parametrize("sent", ENDLESS)
def test_an_answer_without_an_end_is_no_answer(sent: str) -> None:
    with (
        slow_server(*ENDLESS[sent]) as url,
        Client(url, total_timeout=LIMIT) as client,
        pytest.raises(NoAnswer, match=WORDS),
    ):
        client.predict({"x": 1})


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("sent", ENDLESS)
def test_so_it_is_for_tasks(sent: str, backend: str) -> None:
    if backend == "trio":
        pytest.importorskip("trio")

    async def ask() -> None:
        with slow_server(*ENDLESS[sent]) as url:
            async with AsyncClient(url, total_timeout=LIMIT) as client:
                with pytest.raises(NoAnswer, match=WORDS):
                    await client.predict({"x": 1})

    anyio.run(ask, backend=backend)


async def test_a_server_that_does_not_read_is_no_answer() -> None:
    body = (bytes(2**26), "image/png")
    with slow_server(*ENDLESS["nothing"]) as url:
        client, other = (make(url, total_timeout=LIMIT) for make in (Client, AsyncClient))
        with pytest.raises(NoAnswer, match=WORDS):
            client.predict_body(*body)
        with pytest.raises(NoAnswer, match=WORDS):
            await other.predict_body(*body)
        assert not client.ready()
        assert not await other.ready()


async def test_a_slow_answer_that_ends_in_time_is_taken() -> None:
    content = json.dumps(RIGHT).encode()
    head = HEAD + f"Content-Length: {len(content) + 9}\r\n\r\n".encode()
    with slow_server(INTERIM + head + content, b" ") as url:
        assert Client(url, total_timeout=60).predict({"x": 1}).label == "a"
        async with AsyncClient(url, total_timeout=None) as client:
            assert (await client.predict({"x": 1})).label == "a"


def test_threads_have_their_own_time() -> None:
    with slow_server(*ENDLESS["small chunks"]) as url, Client(url, total_timeout=LIMIT) as client:
        with ThreadPoolExecutor(8) as threads:
            asked = [threads.submit(client.predict, {"x": 1}) for _ in range(40)]
        assert {str(each.exception()) for each in asked} == {str(asked[0].exception())}
        assert re.match(WORDS, str(asked[0].exception()))


def test_no_pause_between_attempts_ends_after_the_total_timeout() -> None:
    asked = []

    def busy(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(503, headers={"Retry-After": "50"}, json={"detail": "busy"})

    client = BothClients(httpx.MockTransport(busy), patience=60, total_timeout=40)
    with pytest.raises(Problem, match="busy"):
        client.models()
    assert len(asked) == 2, "one attempt of each client"


def test_a_later_attempt_has_the_time_that_the_earlier_ones_left() -> None:
    left, now = [], []

    def lost(request: httpx.Request) -> httpx.Response:
        left.append(request.extensions["timeout"]["read"])
        now.append(time.monotonic())
        raise httpx.ReadError("lost")

    transport = httpx.MockTransport(lost)
    with (
        Client("http://test", transport=transport, patience=0.2, total_timeout=20) as client,
        pytest.raises(NoAnswer, match="lost"),
    ):
        client.models()
    assert len(left) > 1
    for (first, second), (before, after) in zip(pairwise(left), pairwise(now), strict=True):
        assert second < first - (after - before) / 2


async def test_so_it_has_for_tasks() -> None:
    ends, now = [], []

    async def busy(_: httpx.Request) -> httpx.Response:
        ends.append(anyio.current_effective_deadline())
        now.append(anyio.current_time())
        return httpx.Response(503, headers={"Retry-After": "1"})

    transport = httpx.MockTransport(busy)
    async with AsyncClient("http://test", transport=transport, patience=1.5) as client:
        with pytest.raises(Problem):
            await client.models()
    assert len(ends) > 1
    assert ends[1] - ends[0] < (now[1] - now[0]) / 2


@pytest.mark.parametrize("wrong", [0, -1, "5", float("nan"), float("inf"), 1e10])
def test_a_total_timeout_is_a_number_of_seconds(wrong: float) -> None:
    for make in (Client, AsyncClient):
        with pytest.raises(ClientError, match="total_timeout is a number of seconds over 0, or"):
            make("http://127.0.0.1:1", total_timeout=wrong)
