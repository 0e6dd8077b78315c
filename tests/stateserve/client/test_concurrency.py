"""Many predictions over one client: a bounded number at a time, in order, each completes."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import anyio
import httpx
import pytest

from stateserve.client.async_client import AsyncClient
from stateserve.client.client import Client
from stateserve.client.connection import LIMITS
from stateserve.client.sending.turns import Turns
from stateserve.errors import ClientError, NoAnswer, Problem
from tests.process import Process
from tests.project import SETOSA
from tests.stateserve.client.answers import RIGHT, busy

MOST = LIMITS.max_connections
assert MOST is not None
Respond = Callable[[httpx.Request], httpx.Response]


class Gate(httpx.AsyncBaseTransport):
    """A service whose answers wait until `open`; records its requests."""

    def __init__(self, respond: Respond = lambda request: httpx.Response(200, json=RIGHT)) -> None:
        self.arrived: list[bytes] = []
        self.most = self.inside = 0
        self.open = anyio.Event()
        self._respond = respond

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.arrived.append(request.content)
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.open.wait()
            # As in a network, other tasks run before the answer arrives.
            await anyio.lowlevel.checkpoint()
            return self._respond(request)
        finally:
            self.inside -= 1


def numbered(number: int) -> dict[str, float]:
    return SETOSA | {"petal_width": number}


async def turns_of(loop: int = 20) -> None:
    for _ in range(loop):
        await anyio.lowlevel.checkpoint()


@pytest.fixture(params=["asyncio", "trio"])
def either_loop(request: pytest.FixtureRequest) -> str:
    if request.param == "trio":
        pytest.importorskip("trio")
    return str(request.param)


def test_a_bounded_number_is_under_way_and_the_rest_follows_in_order(either_loop: str) -> None:
    async def ask() -> None:
        gate = Gate()
        async with (
            AsyncClient("http://test", transport=gate) as client,
            anyio.create_task_group() as group,
        ):
            for number in range(100):
                group.start_soon(client.predict, numbered(number))
                await turns_of(3)
            assert len(gate.arrived) == MOST
            gate.open.set()
        assert gate.most == MOST
        arrived = [httpx.Response(200, content=each).json()["petal_width"] for each in gate.arrived]
        assert arrived == list(range(100))

    anyio.run(ask, backend=either_loop)


async def test_thousands_of_gathered_predictions_end_in_their_order() -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        number = str(int(httpx.Response(200, content=request.content).json()["petal_width"]))
        answer = {"class": number, "probabilities": {number: 1}}
        return httpx.Response(200, json=RIGHT | answer)

    gate = Gate(respond)
    gate.open.set()
    async with AsyncClient("http://test", transport=gate) as client:
        found = await asyncio.gather(*(client.predict(numbered(n)) for n in range(3_000)))
    assert [each.label for each in found] == list(map(str, range(3_000)))
    assert gate.most == MOST


async def test_hundreds_of_predictions_over_sockets_end_with_impatient_timeouts(
    server: Process,
) -> None:
    # In httpx's own queue the last would exceed the pool timeout.
    timeout = httpx.Timeout(60, pool=0.001)
    async with AsyncClient(server.url, timeout=timeout) as client:
        found = await asyncio.gather(*(client.predict(SETOSA) for _ in range(400)))
    assert {each.label for each in found} == {"setosa"}


def test_many_threads_share_a_client_with_impatient_timeouts(server: Process) -> None:
    timeout = httpx.Timeout(60, pool=0.001)
    with Client(server.url, timeout=timeout) as client, ThreadPoolExecutor(100) as pool:
        found = list(pool.map(client.predict, [SETOSA] * 200))
    assert {each.label for each in found} == {"setosa"}


async def test_who_is_cancelled_takes_no_turn_from_the_others() -> None:
    gate = Gate()
    async with AsyncClient("http://test", transport=gate) as client:
        tasks = [asyncio.create_task(client.predict(numbered(n))) for n in range(MOST * 3)]
        await turns_of()
        assert len(gate.arrived) == MOST
        # Cancelled while sent, while waiting, and just when the wait ends.
        for task in [*tasks[:8], *tasks[MOST : MOST + 8]]:
            task.cancel()
        await asyncio.sleep(0)
        tasks[MOST + 8].cancel()
        gate.open.set()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        cancelled = [each for each in done if isinstance(each, asyncio.CancelledError)]
        assert len(cancelled) == 17
        assert len(done) - len(cancelled) == len(
            [e for e in done if not isinstance(e, BaseException)]
        )
        # The whole limit is available again.
        again = await asyncio.gather(*(client.predict(SETOSA) for _ in range(MOST * 2)))
    assert len(again) == MOST * 2
    assert gate.most == MOST


async def test_a_pause_between_attempts_takes_no_turn_and_a_second_attempt_waits_for_none() -> None:
    answers = iter([busy()])

    def respond(request: httpx.Request) -> httpx.Response:
        return next(answers, httpx.Response(200, json=RIGHT))

    gate = Gate(respond)
    gate.open.set()
    limits = httpx.Limits(max_connections=1)
    async with AsyncClient("http://test", transport=gate, limits=limits) as client:
        await asyncio.gather(*(client.predict(numbered(n)) for n in range(50)))
    assert len(gate.arrived) == 51
    assert gate.arrived[1] != gate.arrived[0]
    assert gate.arrived.count(gate.arrived[0]) == 2


def test_those_who_ask_again_are_first_of_those_who_wait() -> None:
    turns = Turns(1, threading.Event)
    assert turns.ask() is None
    first, second, again = turns.ask(), turns.ask(), turns.ask(again=True)
    assert first
    assert second
    assert again
    order = []
    for _ in range(3):
        turns.end()
        order.append(
            next(each for each in (first, second, again) if each.is_set() and each not in order)
        )
    assert order == [again, first, second]


async def test_patience_does_not_count_the_wait_for_a_turn() -> None:
    answers = iter([busy()])
    gate = Gate(lambda request: next(answers, httpx.Response(200, json=RIGHT)))
    limits = httpx.Limits(max_connections=1)
    async with AsyncClient("http://test", transport=gate, limits=limits, patience=0.3) as client:
        first = asyncio.create_task(client.predict(numbered(0)))
        await turns_of()
        await anyio.sleep(0.4)
        second = asyncio.create_task(client.predict(numbered(1)))
        await anyio.sleep(0.4)
        gate.open.set()
        with pytest.raises(Problem, match="503"):
            await first
        assert (await second).label == "a"


async def test_a_closed_client_says_so_to_all_who_ask_or_wait() -> None:
    gate = Gate()
    client = AsyncClient("http://test", transport=gate)
    tasks = [asyncio.create_task(client.predict(SETOSA)) for _ in range(MOST + 3)]
    await turns_of()
    await client.aclose()
    gate.open.set()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(not isinstance(each, BaseException) for each in done[:MOST])
    assert all(isinstance(each, ClientError) and "closed" in str(each) for each in done[MOST:])
    with pytest.raises(ClientError, match="this client is closed; make a new one"):
        await client.ready()
    sync = Client("http://test")
    sync.close()
    with pytest.raises(ClientError, match="this client is closed; make a new one"):
        sync.predict(SETOSA)


def test_another_event_loop_gets_an_error_of_ours() -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=RIGHT))
    client = AsyncClient("http://test", transport=transport)
    assert asyncio.run(client.predict(SETOSA)).label == "a"
    with pytest.raises(ClientError, match="of another event loop; make one here"):
        asyncio.run(client.predict(SETOSA))


def failures() -> list[type[Exception]]:
    """All errors that httpx can raise, by its module."""
    found = [getattr(httpx, name) for name in httpx.__all__]
    kinds = [each for each in found if isinstance(each, type) and issubclass(each, Exception)]
    return [each for each in kinds if each is not httpx.HTTPStatusError]


@pytest.mark.parametrize("kind", failures(), ids=lambda kind: str(kind.__name__))
def test_everything_that_httpx_raises_becomes_an_error_of_ours_with_a_hint(
    kind: type[Exception],
) -> None:
    failure = (
        kind()
        if issubclass(kind, httpx.StreamError) and kind is not httpx.StreamError
        else kind("why")
    )

    def fail(request: httpx.Request) -> httpx.Response:
        raise failure

    transport = httpx.MockTransport(fail)
    with Client("http://test", patience=0, transport=transport) as client:
        with pytest.raises(NoAnswer) as caught:
            client.predict(SETOSA)
        assert client.ready() is False
    assert caught.value.__cause__ is failure
    assert str(caught.value).startswith("http://test/predict: ")
    assert "; " in str(caught.value)


@pytest.mark.parametrize(
    ("status", "headers", "message"),
    [
        (200, {"Content-Encoding": "gzip"}, "something on the way changed"),
        (307, {"Location": "/predict"}, "give the address that the service itself has"),
        (307, {"Location": "http://test:x/"}, "no HTTP is spoken there"),
    ],
)
def test_answers_that_httpx_can_neither_read_nor_follow(
    status: int, headers: dict[str, str], message: str
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=headers, content=iter([b"not compressed"]))

    options = {"transport": httpx.MockTransport(answer), "follow_redirects": True}
    client = Client("http://test", patience=0, **options)
    with client, pytest.raises(NoAnswer, match=message):
        client.predict(SETOSA)


@pytest.mark.parametrize(
    "url",
    ["http://", "ftp://test", "test", "http://test:99999", "http://[", "http://a" + "b" * 70_000],
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ClientError) as caught, Client(url, patience=0) as client:
        client.card()
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("name", ["x" * 70_000, "\ud800", "\0", "../x", ""])
def test_a_tensor_that_no_service_has(server: Process, name: str) -> None:
    with Client(server.url) as client, pytest.raises(ClientError):
        client.tensor(name)
