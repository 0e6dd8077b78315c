"""The log's one table, and the one statement that writes to it."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
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
    true,
)
from sqlalchemy.dialects import postgresql, sqlite

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


def insert_batch(dialect: str) -> Any:
    """One statement for a whole app.log.records.Batch, its fields the parameters.

    With a statement, or a set of parameters, for each row the thread that writes would take
    and give the interpreter's lock each time, and wait for the busy event loop each time.
    """
    rows = bindparam("rows", type_=Text)
    insert: Callable[[Table], Any]
    if dialect == "sqlite":
        unfolded, insert = func.json_each(rows), sqlite.insert
    else:
        unfolded, insert = func.json_array_elements(cast(rows, JSON)), postgresql.insert
    value = unfolded.table_valued(column("value", JSON)).c.value
    columns = {
        "id": value[0].as_string(),
        "model": bindparam("model", type_=Text),
        "version": bindparam("version", type_=Text),
        "time": value[1].as_float(),
        "inputs": value[2],
        "probabilities": value[3],
        "predicted": value[4].as_string(),
    }
    # SQLite cannot tell ON CONFLICT from a join's ON where there is no WHERE.
    chosen = select(*columns.values()).where(true())
    # Whoever repeats an id, which the caller may choose, changes nothing of the first.
    return insert(predictions).from_select(list(columns), chosen).on_conflict_do_nothing()
