"""A stopped PostgreSQL, and a proxy that drops bytes: bounded waits, and no lost rows."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest

from app.settings.settings import Settings
from tests import rest
from tests.app.monitor.prediction_log.conftest import (
    Cluster,
    metric,
    names,
    predict,
    query,
    until,
    written,
)
from tests.process import running_server
from tests.project import IRIS, SETOSA
from tests.service import open_client

FAILS = "the prediction log's database fails"
WORKS = "the prediction log's database works again"
# Far above any wait of the service.
HANG_SECONDS = 60


def settings(address: str, **changes: object) -> Settings:
    fast: dict[str, object] = {"prediction_log_flush_seconds": 0.05}
    fast |= {"prediction_log_timeout_seconds": 0.5, "model": IRIS, "prediction_log": address}
    return Settings(**(fast | changes))


def processes_of(cluster: Cluster) -> list[int]:
    pid = cluster.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


@contextmanager
def standing_still(cluster: Cluster) -> Iterator[None]:
    pids = processes_of(cluster)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def swallowing(path: Path) -> AsyncIterator[Callable[[bool], None]]:
    """A TCP proxy to the socket at `path`; yields a function that stops or resumes it."""
    swallows = False
    writers = []

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while content := await reader.read(65536):
            if not swallows:
                writer.write(content)
        writer.close()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_unix_connection(path)
        writers.extend([writer, there_writer])
        await asyncio.gather(
            pass_on(reader, there_writer), pass_on(there_reader, writer), return_exceptions=True
        )

    def swallow(now: bool) -> None:
        nonlocal swallows
        swallows = now

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    swallow.port = server.sockets[0].getsockname()[1]
    try:
        yield swallow
    finally:
        server.close()
        for writer in writers:
            writer.close()


async def is_refused(client: httpx.AsyncClient, **headers: str) -> None:
    """Concurrent requests for feedback and monitoring both end with 503."""
    body = {"prediction_id": "a:0", "class": "setosa"}
    async with asyncio.timeout(HANG_SECONDS):
        answers = await asyncio.gather(
            client.post("/feedback", json=body, headers=headers),
            client.get("/monitoring", headers=headers),
        )
    assert [answer.status_code for answer in answers] == [503, 503]
    assert all(FAILS in answer.json()["detail"] for answer in answers)


async def test_a_server_that_stands_still(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    address = cluster.create()
    async with open_client(settings(address)) as client:
        await predict(client, "before")
        await written(client, 1)
        # A busy machine may have been late before.
        caplog.clear()
        with standing_still(cluster):
            await predict(client, "during")
            await is_refused(client)
            await until(lambda: FAILS in caplog.text)
            await is_refused(client)
            assert (await client.post("/predict", json=SETOSA)).status_code == 200
            # Not later: on a busy machine a connection may time out once more.
            assert caplog.text.count(FAILS) == 1
        await until(lambda: WORKS in caplog.text)
        await written(client, 3)
        assert (await client.get("/monitoring")).json()["predictions"] == 3
        assert await metric(client, "prediction_log_dropped_total") == 0
    assert {"before:0", "during:0"} < set(names(address))


async def test_a_caller_waits_no_longer_than_it_says(cluster: Cluster) -> None:
    patient = settings(cluster.create(), prediction_log_timeout_seconds=3600)
    async with open_client(patient) as client:
        await predict(client, "before")
        await written(client, 1)
        with standing_still(cluster):
            await is_refused(client, **{"X-Request-Timeout": "0.3"})


async def test_a_proxy_that_swallows(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    database = cluster.create().split("/")[3].split("?")[0]
    async with swallowing(cluster.folder / ".s.PGSQL.5432") as swallow:
        address = f"postgresql://log@127.0.0.1:{swallow.port}/{database}"
        async with open_client(settings(address)) as client:
            await predict(client, "before")
            await written(client, 1)
            # A busy machine may have been late before.
            caplog.clear()
            # Also in the middle of a transaction: the connection is open, but no byte arrives.
            swallow(True)
            await predict(client, "during")
            await is_refused(client)
            await until(lambda: FAILS in caplog.text)
            assert caplog.text.count(FAILS) == 1
            swallow(False)
            await until(lambda: WORKS in caplog.text)
            await written(client, 2)


async def test_a_port_that_takes_no_connection() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        # Its queue is full: a further connection gets no answer.
        full = [socket.socket() for _ in range(4)]
        for each in full:
            each.setblocking(False)
            each.connect_ex(address)
        url = f"postgresql://log@{address[0]}:{address[1]}/log"
        async with open_client(settings(url)) as client:
            await predict(client, "a")
            await is_refused(client)
        for each in full:
            each.close()


def test_the_end_waits_a_bounded_time_for_a_server_that_stands_still(
    cluster: Cluster, tmp_path: Path
) -> None:
    options = ["--prediction-log", cluster.create(), "--drain-timeout-seconds", "1"]
    options += ["--prediction-log-timeout-seconds", "3600"]
    with running_server(tmp_path / "log", *options) as service:
        rest.post(f"{service.url}/predict", json=SETOSA)
        with standing_still(cluster):
            rest.post(f"{service.url}/predict", json=SETOSA)
            service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(timeout=HANG_SECONDS) == 0
    assert "are lost: they could not be logged" in service.log.read_text()


async def test_a_server_that_becomes_read_only_and_back(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    address = cluster.create()
    name = address.split("/")[3].split("?")[0]
    # Nothing hangs here: a read may take its time.
    async with open_client(settings(address, prediction_log_timeout_seconds=30)) as client:
        await predict(client, "before")
        await written(client, 1)
        cluster.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        await predict(client, "during")
        await until(lambda: "read-only transaction" in caplog.text)
        # A successful read does not mean that writes work again.
        assert (await client.get("/monitoring")).json()["predictions"] == 1
        assert WORKS not in caplog.text
        cluster.run(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        await until(lambda: WORKS in caplog.text)
        await written(client, 2)
    assert caplog.text.count(FAILS) == 1


def test_workers_share_one_connection(cluster: Cluster, tmp_path: Path) -> None:
    address = cluster.create()
    name = address.split("/")[3].split("?")[0]
    cluster.run("CREATE ROLE one LOGIN CONNECTION LIMIT 1")
    cluster.run(f"ALTER DATABASE {name} OWNER TO one")
    address = address.replace("//log@", "//one@")
    options = ["--workers", "2", "--prediction-log", address]
    options += ["--prediction-log-flush-seconds", "0.1"]
    with running_server(tmp_path / "log", *options) as service:
        deadline = time.monotonic() + HANG_SECONDS
        made = 0
        # The rows of each worker arrive, for any distribution of connections.
        for _ in range(30):
            made += rest.post(f"{service.url}/predict", json=SETOSA).is_success
        owner = address.replace("//one@", "//log@")
        while query(owner, "SELECT count(*) FROM predictions") != [(made,)]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert service.stop() == 0
