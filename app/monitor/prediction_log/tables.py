"""The table of the log, and the statements that insert and delete many rows."""

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
    # Of a model with any module: its outputs without classes, and their true values.
    Column("outputs", JSON(none_as_null=True)),
    Column("true_value", JSON(none_as_null=True)),
)
_c = predictions.c
# A table of an older release lacks them; its rows then have null.
ADDED = (_c.request_id, _c.state_sha256, _c.outputs, _c.true_value)
# Covers the counts of /monitoring; time is first, for the deletion of old rows.
by_time = Index(
    "predictions_by_time",
    *(_c.time, _c.model, _c.version, _c.state_sha256, _c.predicted, _c.true_class),
)


# The columns of a Row, in the order of the table, which SQLAlchemy keeps.
COLUMNS = (
    *("id", "request_id", "model", "version", "state_sha256"),
    *("time", "inputs", "probabilities", "predicted", "outputs"),
)
# Rows of one statement in SQLite, whose limit is 32,766 parameters.
CHUNK = 128


def insert(connection: Connection, rows: Iterable[Row]) -> None:
    """Insert the rows that do not exist yet: a transaction may have succeeded without an answer.

    One statement has many rows: for each statement the thread releases the GIL, and then waits
    for the busy event loop to get it back.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_postgresql, {"rows": _encode(list(rows)).decode()})
        return
    rows = iter(rows)
    while chunk := list(islice(rows, CHUNK)):
        # Filled up with its last row, which is then ignored: SQLite would have to prepare another
        # statement for another number of rows.
        full = chain(chunk, repeat(chunk[-1], CHUNK - len(chunk)))
        values = tuple(chain.from_iterable(full))
        connection.exec_driver_sql(_sqlite, values)


def delete_before(connection: Connection, time: float, limit: int) -> int:
    """Delete some of the older rows, and return their number."""
    # By the row's own address: with an index on a table that was never analysed, the planner may
    # read all rows for each row to delete.
    place = _place[connection.dialect.name]
    old = select(place).where(_c.time < time).order_by(_c.time).limit(limit)
    if connection.dialect.name == "postgresql":
        # Other processes delete at the same time.
        old = old.with_for_update(skip_locked=True)
        chosen = place == func.any(func.array(old.scalar_subquery()))
    else:
        chosen = place.in_(old)
    return connection.execute(delete(predictions).where(chosen)).rowcount


_place: dict[str, ColumnClause[object]] = {"postgresql": column("ctid"), "sqlite": column("rowid")}


def _sqlite_insert() -> str:
    values = [dict.fromkeys(COLUMNS)] * CHUNK
    statement = sqlite.insert(predictions).values(values).on_conflict_do_nothing()
    return str(statement.compile(dialect=sqlite.dialect()))


def _postgresql_insert() -> Any:
    """One parameter has all rows as JSON; the server parses it."""
    unfolded = func.json_array_elements(cast(bindparam("rows", type_=Text), JSON))
    value = unfolded.table_valued(column("value", JSON)).c.value
    chosen = select(
        *(cast(value[at].as_string(), _c[name].type) for at, name in enumerate(COLUMNS))
    )
    return postgresql.insert(predictions).from_select(COLUMNS, chosen).on_conflict_do_nothing()


_sqlite = _sqlite_insert()
_postgresql = _postgresql_insert()
