"""A database for each test: an SQLite file, or one on a temporary PostgreSQL server."""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from app.settings.settings import Settings
from tests.project import IRIS, SETOSA

# PostgreSQL refuses to run as root.
USER = "nobody" if os.geteuid() == 0 else None


def binary(name: str) -> str | None:
    """On Debian the server's programs are not in PATH."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return str(places[0]) if places else shutil.which(name)


class Cluster:
    """A PostgreSQL server in a folder, on a socket in the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0
        options = ["--username", "log", "--auth", "trust", "--no-sync", "--encoding", "UTF8"]
        command = [binary("initdb"), *options, folder / "data"]
        subprocess.run(command, check=True, capture_output=True, user=USER, cwd=folder)

    def start(self) -> None:
        options = ["-k", self.folder, "-c", "listen_addresses=", "-c", "fsync=off"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [binary("postgres"), "-D", self.folder / "data", *options],
                stderr=log,
                user=USER,
                cwd=self.folder,
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                self.run("SELECT 1")
                return
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.02)

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=120)

    def run(self, statement: str) -> None:
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def create(self) -> str:
        """The address of a new database."""
        self._count += 1
        self.run(f"CREATE DATABASE log_{self._count}")
        return self._address(f"log_{self._count}")

    def _address(self, database: str) -> str:
        return f"postgresql://log@/{database}?host={self.folder}"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    if not (binary("postgres") and binary("initdb")):
        pytest.skip("no PostgreSQL on this machine")
    # Not pytest's folder, which only our user can read; and a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="log-") as name:
        folder = Path(name)
        if USER:
            os.chown(folder, pwd.getpwnam(USER).pw_uid, -1)
        cluster = Cluster(folder)
        cluster.start()
        yield cluster
        cluster.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/log.db?timeout=0.2"
    return request.getfixturevalue("cluster").create()


@pytest.fixture
def settings(address: str) -> Callable[..., Settings]:
    def make(**changes: object) -> Settings:
        defaults = {"model": IRIS, "prediction_log": address}
        # Rows are written only for a read, unless a test sets another interval.
        return Settings(**(defaults | {"prediction_log_flush_seconds": 3600} | changes))

    return make


def query(address: str, statement: str) -> list[tuple[object, ...]]:
    """The content of the database for another program."""
    url = make_url(address)
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        result = connection.execute(text(statement))
        return [tuple(row) for row in result] if result.returns_rows else []


# A row's id is 32 random digits, a colon, and the number of the instance.
NAMED = "request_id || substr(id, 33)"


def names(address: str) -> list[str]:
    """The callers' request ids, each with a colon and the number of the instance."""
    return sorted(str(row[0]) for row in query(address, f"SELECT {NAMED} FROM predictions"))


async def predict(client: httpx.AsyncClient, request_id: str, body: object = SETOSA) -> str:
    """The prediction's id without the number of the instance."""
    answer = await client.post("/predict", json=body, headers={"X-Request-ID": request_id})
    assert answer.status_code == 200, answer.text
    return answer.headers["X-Prediction-ID"]


async def metric(client: httpx.AsyncClient, name: str) -> float:
    lines = (await client.get("/metrics")).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


async def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def written(client: httpx.AsyncClient, count: int) -> None:
    """Wait until a number of predictions are in the database."""
    deadline = time.monotonic() + 30
    while await metric(client, "prediction_log_written_total") < count:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
