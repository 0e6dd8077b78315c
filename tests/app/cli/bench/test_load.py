"""The load of bench, against servers that stall, close and never answer."""

import asyncio
from array import array
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.bench.load import CLOSED, NO_ANSWER, Load, Measured
from app.cli.bench.report import percentiles
from app.cli.bench.target import BenchFailed, Target

pytestmark = pytest.mark.anyio
MESSAGE = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Answer = Callable[[int, asyncio.StreamWriter], Awaitable[object]]


async def measure(
    answer: Answer,
    *,
    connections: int = 1,
    rate: float | None = None,
    seconds: float = 0.5,
    timeout: float = 5,
) -> Measured:
    """Load on a server that calls `answer` with the number of each request."""
    requests, serving = 0, []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        serving.append(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, ConnectionError), closing(writer):
            while await reader.readuntil(b"\r\n\r\n"):
                requests += 1
                await answer(requests, writer)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        target = Target("http", "127.0.0.1", server.sockets[0].getsockname()[1], "/")
        about = {"connections": connections, "rate": rate, "seconds": seconds}
        found = await Load(target, MESSAGE, **about, timeout=timeout).run()
        await asyncio.gather(*serving)
    return found


async def test_a_closed_loop_counts_every_answer_by_status() -> None:
    sent, connections = 0, set()

    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        sent = number
        connections.add(writer)
        writer.write(OK if number % 3 else OK.replace(b"200 OK", b"503 Busy"))

    found = await measure(answer, connections=4)
    assert found.statuses == {200: sent - sent // 3, 503: sent // 3}
    assert len(found.latencies) == found.statuses[200]
    assert len(connections) == 4
    assert not found.faults
    assert found.seconds >= 0.5


async def test_an_open_loop_counts_the_wait_of_requests_that_a_stall_delays() -> None:
    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        if number == 1:
            await asyncio.sleep(0.3)
        writer.write(OK)

    found = await measure(answer, rate=100)
    assert found.statuses == {200: 50}
    # Request k was due after k/100 s, and the only connection was free after 0.3 s.
    least = [0.3 - k / 100 for k in range(30)]
    assert all(latency >= wait for latency, wait in zip(found.latencies, least, strict=False))


async def test_an_answer_that_changes_the_protocol_is_a_closed_connection() -> None:
    async def answer(_number: int, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")

    found = await measure(answer, rate=10)
    assert found.faults[CLOSED] == 5


async def test_connections_that_close_are_counted_and_opened_again() -> None:
    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        if number % 2:
            writer.close()
        else:
            writer.write(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            writer.close()

    found = await measure(answer, rate=50)
    assert found.faults[CLOSED] + found.statuses[200] == 25
    assert found.faults[CLOSED] > 0 < found.statuses[200]


async def test_a_request_without_an_answer_is_a_failure() -> None:
    found = await measure(lambda *_: asyncio.sleep(0), connections=2, seconds=0.05, timeout=0.1)
    assert found.faults == {NO_ANSWER: 2}
    assert not found.latencies


async def test_a_port_without_a_service_is_one_line() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    target = Target("http", "127.0.0.1", server.sockets[0].getsockname()[1], "/")
    server.close()
    await server.wait_closed()
    load = Load(target, MESSAGE, connections=1, seconds=1, rate=None, timeout=1)
    with pytest.raises(BenchFailed, match=r"http://127\.0\.0\.1:\d+/: .*[Cc]onnect"):
        await load.run()


@given(st.lists(st.floats(0, 1e3), min_size=1))
def test_percentiles_are_those_of_numpy_by_nearest_rank(latencies: list[float]) -> None:
    found = percentiles(array("d", latencies))
    wanted = np.percentile(latencies, [50, 90, 99, 100], method="inverted_cdf") * 1000
    assert list(found.values()) == pytest.approx(list(wanted), abs=1e-3)
