"""From the address of a database to SQLAlchemy's engine: SQLite or PostgreSQL, with limits."""

import math
import sqlite3
import time
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.pool import NullPool

from app.errors import SettingsError
from stateserve.errors import MissingExtra

# How long to wait at most for another process that writes, and for a connection.
BUSY_SECONDS = 5.0


def make_engine(address: str, seconds: float) -> Engine:
    """It connects when first used, so that a process can fork before.

    A transaction takes no longer than `seconds`, but for the time to connect.
    Raises SettingsError for an address of another kind, or MissingExtra.
    """
    url = _parse(address)
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, min(seconds, BUSY_SECONDS))
    return _postgresql(url, seconds)


def _parse(address: str) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        url = URL.create("none")
    kind, path = url.get_backend_name(), url.database or ""
    # A database in memory is lost with its connection.
    in_file = kind == "sqlite" and path and not path.startswith((":", "file:"))
    # A password with an @ that is not written %40 is taken apart, and logged as a host's name.
    if (not in_file and kind != "postgresql") or "@" in (url.host or ""):
        # The address may hold a password, so it is not shown.
        raise SettingsError(
            "setting STATESERVE_PREDICTION_LOG: not sqlite:////FOLDER/FILE.db, "
            "nor postgresql://USER:PASSWORD@HOST/NAME"
        )
    return url


def _sqlite(url: URL, busy_seconds: float) -> Engine:
    engine = create_engine(
        url.set(drivername="sqlite"),
        connect_args={} if "timeout" in url.query else {"timeout": busy_seconds},
        json_deserializer=msgspec.json.decode,
        hide_parameters=True,
    )
    path = Path(url.database or "")

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        # Readers do not wait for the one that writes, nor it for them; what is committed
        # outlives the process, though the last moments may be lost with the machine.
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = NORMAL").close()
        record.info["inode"] = path.stat().st_ino

    @event.listens_for(engine, "checkout")
    def require_file(_connection: Any, record: Any, _proxy: Any) -> None:
        # A file that was deleted takes writes as before, and all are lost.
        if not path.exists() or path.stat().st_ino != record.info["inode"]:
            raise DisconnectionError(f"{path} is another file than before")

    return engine


def _use_wal(connection: Any) -> None:
    """Of processes that open a new file at once, one may be told at once that it is locked."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.02)


def _postgresql(url: URL, seconds: float) -> Engine:
    try:
        from app.monitor.prediction_log.timed_connection import TimedConnection
    except ImportError:
        raise MissingExtra("PostgreSQL needs psycopg: pip install '.[log]'") from None
    busy_seconds = min(seconds, BUSY_SECONDS)
    # For a server that works, and would go on with what nobody waits for.
    limits = {"statement_timeout": seconds, "lock_timeout": busy_seconds}
    options = " ".join(f"-c {name}={math.ceil(limit * 1000)}" for name, limit in limits.items())
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={
            "options": f"{url.query.get('options', '')} {options}",
            "connect_timeout": math.ceil(busy_seconds),
        },
        json_deserializer=msgspec.json.decode,
        hide_parameters=True,
        # A connection for each transaction. One that is kept may lead to a server that became
        # read-only, and keeps another process from its own where there are few.
        poolclass=NullPool,
    )

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
        return TimedConnection.open(seconds, *arguments, **options)

    return engine
