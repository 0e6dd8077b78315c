"""Make SQLAlchemy's engine for the address of a SQLite or PostgreSQL database, with time limits."""

import math
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from app.errors import SettingsError
from app.settings import both_names
from stateserve.errors import MissingExtra
from stateserve.text import first_line

# The longest wait for another process that writes, and for a connection.
BUSY_SECONDS = 5.0
LOG = both_names("prediction_log")


def make_engine(address: str, seconds: float) -> Engine:
    """Make the engine. It connects at its first use, so a process can fork before.

    A transaction takes at most `seconds`, plus the time to connect. Raises SettingsError for
    an address of another kind, or MissingExtra.
    """
    url = _parse(address)
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, min(seconds, BUSY_SECONDS))
    return _postgresql(url, seconds)


def require_database(address: str, seconds: float) -> None:
    """Raise SettingsError, one line, unless the database of this address can be written now."""
    engine = make_engine(address, seconds)
    path = Path(engine.url.database or "")
    if engine.name == "sqlite":
        # A connection would create the file.
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise SettingsError(f"{LOG}: {path} cannot be written")
        return
    try:
        engine.connect().close()
    except (SQLAlchemyError, OSError) as error:
        reason = first_line(getattr(error, "orig", None) or error)
        raise SettingsError(f"{LOG}: no connection: {reason}") from None


def _parse(address: str) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        url = URL.create("none")
    kind, path = url.get_backend_name(), url.database or ""
    # A database in memory is lost when its connection is closed.
    in_file = kind == "sqlite" and path and not path.startswith((":", "file:"))
    # An @ in a password, unless written as %40, would split it: a part is logged as a host name.
    if (not in_file and kind != "postgresql") or "@" in (url.host or ""):
        # The address may contain a password, so it is not shown.
        raise SettingsError(
            f"{LOG}: not sqlite:////FOLDER/FILE.db, nor postgresql://USER:PASSWORD@HOST/NAME"
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
        # WAL: readers and the writer do not wait for each other. Committed rows survive the
        # end of the process; a crash of the machine may lose the last of them.
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = NORMAL").close()
        record.info["inode"] = path.stat().st_ino

    @event.listens_for(engine, "checkout")
    def require_file(_connection: object, record: Any, _proxy: object) -> None:
        # Writes to a deleted file succeed, and are lost.
        if not path.exists() or path.stat().st_ino != record.info["inode"]:
            raise DisconnectionError(f"{path} is another file than before")

    return engine


def _use_wal(connection: Any) -> None:
    """Retry: when processes open a new file at the same time, one may get "locked" at once."""
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
    # A working server then cancels a statement whose caller has given up.
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
        # A new connection for each transaction. A kept one may lead to a server that became
        # read-only, and takes the place of another process's if there are few.
        poolclass=NullPool,
    )

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: object, _record: object, arguments: Any, options: Any) -> object:
        return TimedConnection.open(seconds, *arguments, **options)

    return engine
