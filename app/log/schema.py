"""The log's one table, and how many rows get into it at once."""

from collections.abc import Iterable
from itertools import chain, islice, repeat
from typing import Any

import msgspec
from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Double,
    Index,
    MetaData,
    Table,
    Text,
    bindparam,
    cast,
    column,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from app.log.records import Row

_encode = msgspec.json.Encoder().encode

predictions = Table(
    "predictions",
    MetaData(),
    # Several versions may answer one request.
    Column("id", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    # Seconds since the epoch.
    Column("time", Double, nullable=False),
    Column("inputs", JSON, nullable=False),
    Column("probabilities", JSON, nullable=False),
    Column("class", Text, nullable=False, key="predicted"),
    Column("true_class", Text),
    Column("feedback_time", Double),
)
_c = predictions.c
# Holds all that /monitoring counts; time first, as retention deletes.
by_time = Index("predictions_by_time", _c.time, _c.model, _c.version, _c.predicted, _c.true_class)


# Those of a Row, in the order of the table, which SQLAlchemy keeps.
COLUMNS = ("id", "model", "version", "time", "inputs", "probabilities", "predicted")
# Rows of one statement in SQLite, which takes 32,766 parameters.
CHUNK = 128


def insert(connection: Connection, rows: Iterable[Row]) -> int:
    """Insert the rows whose ids are new, and return how many.

    Whoever repeats an id, which the caller may choose, changes nothing of the first. Many rows
    make one statement: with one for each row the thread that writes would take and give the
    interpreter's lock each time, and wait for the busy event loop each time.
    """
    if connection.dialect.name == "postgresql":
        parameters = {"rows": _encode(list(rows)).decode()}
        result = connection.execute(_postgresql, parameters, execution_options=WITH_ROWCOUNT)
        return result.rowcount
    count = 0
    rows = iter(rows)
    while chunk := list(islice(rows, CHUNK)):
        # Filled up with its last row, which is then there already: for another number of rows
        # SQLite would have to prepare another statement.
        full = chain(chunk, repeat(chunk[-1], CHUNK - len(chunk)))
        values = tuple(chain.from_iterable(full))
        count += connection.exec_driver_sql(_sqlite, values, WITH_ROWCOUNT).rowcount
    return count


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


WITH_ROWCOUNT = {"preserve_rowcount": True}
_sqlite = _sqlite_insert()
_postgresql = _postgresql_insert()
