"""A database that fails: predictions continue, lost rows are counted, and the log says why."""

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from app.api.app import create_app
from app.errors import SettingsError
from app.settings.settings import Settings
from tests.app.monitor.prediction_log.conftest import (
    Cluster,
    metric,
    names,
    predict,
    query,
    until,
    written,
)
from tests.project import IRIS, SETOSA
from tests.service import open_client

FULL = 'prediction_log_dropped_total{reason="queue_full"}'
LOST = 'prediction_log_dropped_total{reason="shutdown"}'
FAILS = "the prediction log's database fails"
WORKS = "the prediction log's database works again"


def settings(address: str, **changes: object) -> Settings:
    defaults: dict[str, object] = {"model": IRIS, "prediction_log_flush_seconds": 0.02}
    return Settings(**(defaults | {"prediction_log": address} | changes))


async def answers_503(client: httpx.AsyncClient) -> None:
    body = {"prediction_id": "a:0", "class": "setosa"}
    for answer in (await client.post("/feedback", json=body), await client.get("/monitoring")):
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert "the prediction log's database fails" in answer.json()["detail"]


async def test_a_folder_that_comes_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "absent"
    address = f"sqlite:///{folder}/log.db"
    async with open_client(settings(address, prediction_log_max_rows=3)) as client:
        for name in "abcde":
            await predict(client, name)
        await predict(client, "many", {"instances": [SETOSA] * 4})
        assert await metric(client, FULL) == 2 + 4
        await answers_503(client)
        folder.mkdir()
        await until(lambda: "6 predictions are lost: more than 3 rows" in caplog.text)
        assert WORKS in caplog.text
        await predict(client, "f")
    assert names(address) == ["a:0", "b:0", "c:0", "f:0"]
    assert caplog.text.count(FAILS) == 1
    assert f"{folder}/log.db: unable to open database file" in caplog.text


async def test_what_cannot_be_written_at_the_end_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(settings(f"sqlite:///{tmp_path}/absent/log.db"))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        async with app.router.lifespan_context(app):
            await predict(client, "many", {"instances": [SETOSA] * 4})
        assert await metric(client, LOST) == 4
    assert "4 predictions are lost" in caplog.text


async def test_a_locked_database(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    address = f"sqlite:///{tmp_path}/log.db?timeout=0.1"
    async with open_client(settings(address)) as client:
        await predict(client, "before")
        await written(client, 1)
        with closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await predict(client, "during")
            await until(lambda: FAILS in caplog.text)
            assert "database is locked" in caplog.text
            later = await predict(client, "later")
            # It is not there yet, which is no reason to say that there is none.
            feedback = {"prediction_id": f"{later}:0", "class": "setosa"}
            assert (await client.post("/feedback", json=feedback)).status_code == 503
            # Readers do not wait for writers.
            assert (await client.get("/monitoring")).json()["predictions"] == 1
            other.execute("ROLLBACK")
        await until(lambda: len(names(address)) == 3)
        assert (await client.post("/feedback", json=feedback)).status_code == 200
        assert await metric(client, "prediction_log_dropped_total") == 0


async def test_a_file_that_was_deleted(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/log.db"
    async with open_client(settings(address)) as client:
        await predict(client, "lost")
        await written(client, 1)
        for part in tmp_path.glob("log.db*"):
            part.unlink()
        await predict(client, "kept")
        await until(lambda: (tmp_path / "log.db").exists())
    assert names(address) == ["kept:0"]


async def test_a_file_that_is_no_database(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "log.db").write_bytes(b"not a database, but long enough" * 100)
    async with open_client(settings(f"sqlite:///{tmp_path}/log.db")) as client:
        await predict(client, "a")
        await answers_503(client)
    assert "file is not a database" in caplog.text


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Permissions do not restrict root, so root becomes another user meanwhile."""
    for path in (*folder.iterdir(), folder):
        path.chmod(0o555 if path.is_dir() else 0o444)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


async def test_a_disk_that_takes_no_writes(caplog: pytest.LogCaptureFixture) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        address = f"sqlite:///{folder}/log.db"
        async with open_client(settings(address)) as client:
            await predict(client, "before")
        with read_only(folder):
            async with open_client(settings(address, prediction_log_max_rows=1)) as client:
                await predict(client, "during")
                await until(lambda: FAILS in caplog.text)
                await predict(client, "later")
                assert await metric(client, FULL) == 1
        assert names(address) == ["before:0"]
    assert "readonly" in caplog.text or "unable to open database file" in caplog.text


async def test_a_server_that_is_gone_for_a_while(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    address = cluster.create()
    async with open_client(settings(address)) as client:
        await predict(client, "before")
        await written(client, 1)
        cluster.stop()
        await predict(client, "during")
        await until(lambda: FAILS in caplog.text)
        await answers_503(client)
        cluster.start()
        await until(lambda: WORKS in caplog.text)
    assert names(address) == ["before:0", "during:0"]


async def test_a_server_that_takes_no_writes(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    address = cluster.create()
    name = address.split("/")[3].split("?")[0]
    cluster.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    async with open_client(settings(address)) as client:
        await predict(client, "a")
        await until(lambda: "read-only transaction" in caplog.text)
        await predict(client, "b")
        assert await metric(client, "prediction_log_written_total") == 0


async def test_rows_that_the_database_will_never_take(
    cluster: Cluster, write_model: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    # PostgreSQL cannot store text with this character; SQLite can.
    path = write_model(classes=["a\0b", "c\0d", "e\0f"])
    flower = {f"x{index}": 0.5 for index in range(4)}
    async with open_client(settings(cluster.create(), model=path)) as client:
        await predict(client, "a", flower)
        await until(lambda: "1 predictions are lost: the database rejects them" in caplog.text)
        assert await metric(client, 'prediction_log_dropped_total{reason="rejected"}') == 1


async def test_why_rows_are_rejected_is_said_without_their_inputs(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    address = cluster.create()
    async with open_client(settings(address)) as client:
        await predict(client, "a")
        await written(client, 1)
        query(address, "ALTER TABLE predictions ADD CHECK (version <> '1') NOT VALID")
        await predict(client, "b")
        await until(lambda: "violates check constraint" in caplog.text)
    assert "sepal_length" not in caplog.text


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nonsense",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://log:secret@host/log",
        "postgresql://log:p@secret@host/log",
        "postgresql://log:p@s:secret@host/log",
    ],
)
def test_another_kind_of_address_stops_the_start(address: str) -> None:
    with pytest.raises(SettingsError, match="--prediction-log") as refused:
        create_app(settings(address))
    assert "secret" not in str(refused.value)
