"""The table: created, extended or only used, by the role's rights; old rows are deleted."""

import asyncio
import re
import threading
import time
from collections.abc import Callable

import pytest

from app.monitor.metrics import Metrics
from app.monitor.prediction_log.database import PORTION, LogDatabase
from app.monitor.prediction_log.engine import make_engine
from app.monitor.prediction_log.writer import PredictionLog
from app.settings.settings import Settings
from tests.app.monitor.prediction_log.conftest import Cluster, names, predict, query, until, written
from tests.project import IRIS, ROOT
from tests.service import open_client

Make = Callable[..., Settings]
PAGE = (ROOT / "docs" / "monitoring.md").read_text()
MADE, EXTENDED = re.findall(r"^```sql\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
OLD = """CREATE TABLE predictions (
    id TEXT NOT NULL, model TEXT NOT NULL, version TEXT NOT NULL, time DOUBLE PRECISION NOT NULL,
    inputs JSON NOT NULL, probabilities JSON NOT NULL, class TEXT NOT NULL, true_class TEXT,
    feedback_time DOUBLE PRECISION, PRIMARY KEY (id, model, version))"""
OLD_ROW = """INSERT INTO predictions VALUES ('old:0', 'iris-model', '1', {},
    '{{"petal_width": 1.5}}', '{{"setosa": 1, "versicolor": 0}}', 'setosa', NULL, NULL)"""
# PostgreSQL's description of the table, in either order of its columns.
SHAPE = [
    "SELECT column_name, data_type, is_nullable FROM information_schema.columns "
    "WHERE table_name = 'predictions' ORDER BY column_name",
    "SELECT indexdef FROM pg_indexes WHERE tablename = 'predictions' ORDER BY indexname",
]


def run(address: str, statements: str) -> None:
    for statement in statements.split(";"):
        if statement.strip():
            query(address, statement)


def as_role(cluster: Cluster, address: str, role: str) -> str:
    if (role,) not in query(address, "SELECT rolname FROM pg_roles"):
        cluster.run(f"CREATE ROLE {role} LOGIN")
    return address.replace("//log@", f"//{role}@")


def fast(address: str) -> Settings:
    return Settings(model=IRIS, prediction_log=address, prediction_log_flush_seconds=0.05)


async def test_a_role_that_may_make_nothing_can_log(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    address = cluster.create()
    writer = as_role(cluster, address, "writer")
    async with open_client(fast(writer)) as client:
        await predict(client, "before")
        await until(lambda: "permission denied" in caplog.text)
        assert "docs/monitoring.md" in caplog.text
        run(address, MADE.replace("TO log", "TO writer"))
        await written(client, 1)
        prediction_id = await predict(client, "then")
        await written(client, 2)
        body = {"prediction_id": f"{prediction_id}:0", "class": "setosa"}
        assert (await client.post("/feedback", json=body)).status_code == 200
        assert (await client.get("/monitoring")).json()["predictions"] == 2
    assert names(address) == ["before:0", "then:0"]
    with_rows = LogDatabase(make_engine(writer, 30))
    assert with_rows.purge(time.time() + 1) is False
    assert names(address) == []


async def test_the_statements_of_the_page_make_what_the_service_makes(cluster: Cluster) -> None:
    by_page, by_service = cluster.create(), cluster.create()
    run(by_page, MADE)
    async with open_client(fast(by_service)) as client:
        await predict(client, "a")
        await written(client, 1)
    assert [query(by_page, each) for each in SHAPE] == [query(by_service, each) for each in SHAPE]


@pytest.mark.parametrize("by", ["service", "page"])
async def test_a_table_of_an_older_release_is_extended(
    settings: Make, address: str, by: str
) -> None:
    query(address, OLD)
    query(address, OLD_ROW.format(time.time()))
    if by == "page":
        run(address, EXTENDED)
    async with open_client(settings()) as client:
        prediction_id = await predict(client, "new")
        for known in ("old", prediction_id):
            body = {"prediction_id": f"{known}:0", "class": "versicolor"}
            assert (await client.post("/feedback", json=body)).status_code == 200
        found = (await client.get("/monitoring")).json()
    assert found["predictions"] == found["feedback"]["count"] == 1
    assert found["other_states"] == [
        {"state_sha256": None, "predictions": 1, "with_feedback": 1, "accuracy": 0}
    ]
    rows = query(address, "SELECT request_id, true_class FROM predictions ORDER BY time")
    assert rows == [(None, "versicolor"), ("new", "versicolor")]


async def test_an_older_table_of_another_role_is_said_to_lack_columns(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    address = cluster.create()
    query(address, OLD)
    stranger = as_role(cluster, address, "stranger")
    query(address, "GRANT SELECT, INSERT, UPDATE, DELETE ON predictions TO stranger")
    async with open_client(fast(stranger)) as client:
        await predict(client, "a")
        await until(lambda: "must be owner of table predictions" in caplog.text)
        assert "docs/monitoring.md" in caplog.text
        run(address, EXTENDED)
        await written(client, 1)
    assert caplog.text.count("the prediction log's database fails") == 1


FILL = """INSERT INTO predictions (id, model, version, time, inputs, probabilities, class)
    SELECT 'r' || n, 'iris-model', '1', n, '{}', '{}', 'setosa' FROM """
SERIES = {
    "sqlite": "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %d) "
    "SELECT n FROM s)",
    "postgresql": "generate_series(1, %d) AS n",
}


async def test_what_comes_while_old_rows_are_deleted_is_written(
    settings: Make, address: str
) -> None:
    portions = 6
    async with open_client(settings()) as client:
        await predict(client, "before")
    # On a table without ANALYZE.
    query(address, FILL + SERIES[address.split(":")[0]] % (portions * PORTION - 5))
    app_settings = settings(prediction_log_retention_days=1, prediction_log_flush_seconds=0.05)
    async with open_client(app_settings) as client:
        while await asyncio.to_thread(count_old, address):
            await predict(client, "meanwhile")
        await predict(client, "after")
    assert names(address).count("before:0") == names(address).count("after:0") == 1


def count_old(address: str) -> object:
    return query(address, "SELECT count(*) FROM predictions WHERE time < 1000000")[0][0]


class Portions:
    """A fake database with a number of portions of old rows; records its calls in order."""

    def __init__(self, portions: int) -> None:
        self.left = portions
        self.calls: list[str] = []
        self.goes_on = threading.Event()
        self.begun = threading.Event()

    def purge(self, before: float) -> bool:
        self.calls.append("purge")
        self.begun.set()
        assert self.goes_on.wait(30)
        self.left -= 1
        return self.left > 0

    def write(self, rows: object) -> None:
        self.calls.append("write")

    def close(self) -> None:
        self.calls.append("close")


def test_the_end_does_not_wait_for_all_that_is_old() -> None:
    database = Portions(1_000_000)
    limits = {"flush_seconds": 0.01, "retention_days": 1, "max_rows": 10, "timeout_seconds": 30}
    log = PredictionLog(database, Metrics(), **limits)
    log.start()
    assert database.begun.wait(30)
    database.goes_on.set()
    log.close(30)
    assert database.calls[-1] == "close"
    assert 0 < database.left < 1_000_000
