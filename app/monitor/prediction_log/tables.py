"""The log's one table, and how many rows get into it at once."""

from collections.abc import Iterable
from itertools import chain, islice, repeat
from typing import Any

import msgspec
from sqlalchemy import (
    JSON,
    Column,
    ColumnClause,
    Connection,
    Double,
    Index,
    MetaData,
    Table,
    Text,
    bindparam,
    cast,
    column,
    delete,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from app.monitor.prediction_log.records import Row

_encode = msgspec.json.Encoder().encode

predictions = Table(
    "predictions",
    MetaData(),
    Column("id", Text, primary_key=True),
    Column("request_id", Text),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("state_sha256", Text),
    # Seconds since the epoch.
    Column("time", Double, nullable=False),
    Column("inputs", JSON, nullable=False),
    Column("probabilities", JSON, nullable=False),
    Column("class", Text, nullable=False, key="predicted"),
    Column("true_class", Text),
    Column("feedback_time", Double),
)
_c = predictions.c
# A table of an older release lacks them; what it holds has null there.
ADDED = (_c.request_id, _c.state_sha256)
# Holds all that /monitoring counts; time first, as retention deletes.
by_time = Index(
    "predictions_by_time",
    *(_c.time, _c.model, _c.version, _c.state_sha256, _c.predicted, _c.true_class),
)


# Those of a Row, in the order of the table, which SQLAlchemy keeps.
COLUMNS = (
    *("id", "request_id", "model", "version", "state_sha256"),
    *("time", "inputs", "probabilities", "predicted"),
)
# Rows of one statement in SQLite, which takes 32,766 parameters.
CHUNK = 128


def insert(connection: Connection, rows: Iterable[Row]) -> None:
    """Insert the rows that are not there yet, from a transaction whose end nobody heard of.

    Many rows make one statement: with one for each row the thread that writes would take and
    give the interpreter's lock each time, and wait for the busy event loop each time.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_postgresql, {"rows": _encode(list(rows)).decode()})
        return
    rows = iter(rows)
    while chunk := list(islice(rows, CHUNK)):
        # Filled up with its last row, which is then there already: for another number of rows
        # SQLite would have to prepare another statement.
        full = chain(chunk, repeat(chunk[-1], CHUNK - len(chunk)))
        values = tuple(chain.from_iterable(full))
        connection.exec_driver_sql(_sqlite, values)


def delete_before(connection: Connection, time: float, limit: int) -> int:
    """Delete some of the rows that are older, and return how many."""
    # By the row's own address: from an index on a table that was never analysed, the planner
    # may go through all rows for each that it is to delete.
    place = _place[connection.dialect.name]
    old = select(place).where(_c.time < time).order_by(_c.time).limit(limit)
    if connection.dialect.name == "postgresql":
        # Others delete at the same time.
        old = old.with_for_update(skip_locked=True)
        chosen = place == func.any(func.array(old.scalar_subquery()))
    else:
        chosen = place.in_(old)
    return connection.execute(delete(predictions).where(chosen)).rowcount


_place: dict[str, ColumnClause[Any]] = {"postgresql": column("ctid"), "sqlite": column("rowid")}


def _sqlite_insert() -> str:
    values = [dict.fromkeys(COLUMNS)] * CHUNK
    statement = sqlite.insert(predictions).values(values).on_conflict_do_nothing()
    return str(statement.compile(dialect=sqlite.dialect()))


def _postgresql_insert() -> Any:
    """One parameter holds all rows as JSON: the server takes them apart."""
    unfolded = func.json_array_elements(cast(bindparam("rows", type_=Text), JSON))
    value = unfolded.table_valued(column("value", JSON)).c.value
    chosen = select(
        *(cast(value[at].as_string(), _c[name].type) for at, name in enumerate(COLUMNS))
    )
    return postgresql.insert(predictions).from_select(COLUMNS, chosen).on_conflict_do_nothing()


_sqlite = _sqlite_insert()
_postgresql = _postgresql_insert()
