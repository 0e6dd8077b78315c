"""A server that never finishes holds no client longer than its total_timeout."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest

from stateserve.client.async_client import AsyncClient
from stateserve.client.client import Client
from stateserve.errors import ClientError, NoAnswer
from tests.stateserve.client.answers import RIGHT
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


@pytest.mark.parametrize("wrong", [0, -1, "5", float("nan"), float("inf"), 1e10])
def test_a_total_timeout_is_a_number_of_seconds(wrong: float) -> None:
    for make in (Client, AsyncClient):
        with pytest.raises(ClientError, match="total_timeout is a number of seconds over 0, or"):
            make("http://127.0.0.1:1", total_timeout=wrong)
