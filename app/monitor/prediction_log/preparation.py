"""The table as the log needs it: looked at first, and only what is missing is made."""

import logging
from functools import cache

from sqlalchemy import Connection, Executable, func, inspect, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from app.monitor.prediction_log.tables import ADDED, by_time, predictions

logger = logging.getLogger("app.log")
# The number of the lock that processes take in turns to make the table; any would do.
CREATION = 4_815_162_342
HELP = "docs/monitoring.md has the statements for whoever may make tables there"


class Unprepared(Exception):
    """What is missing may not be made; its text says what it is, and why."""


def prepare(connection: Connection) -> None:
    """Make the table, or the columns that an older one lacks. Raises Unprepared.

    A role that may not make tables can use one that is there: nothing is asked of it then.
    """
    if not (lacking := _lacking(connection)):
        return
    try:
        if connection.dialect.name == "postgresql":
            # Of two that make the same at once, one fails.
            connection.execute(select(func.pg_advisory_xact_lock(CREATION)))
            lacking = _lacking(connection)
        for statement in lacking:
            connection.execute(statement)
    except ProgrammingError as error:
        raise Unprepared(f"the table predictions cannot be made: {error.orig}; {HELP}") from error


def _lacking(connection: Connection) -> list[Executable]:
    """The statements that make what is missing."""
    found = inspect(connection)
    name = predictions.name
    if not found.has_table(name):
        return [
            CreateTable(predictions, if_not_exists=True),
            CreateIndex(by_time, if_not_exists=True),
        ]
    if by_time.name not in {index["name"] for index in found.get_indexes(name)}:
        _warn_of_no_index()
    there = {column["name"] for column in found.get_columns(name)}
    return [
        text(f"ALTER TABLE {name} ADD COLUMN {CreateColumn(column).compile(connection)}")
        for column in ADDED
        if column.name not in there
    ]


@cache
def _warn_of_no_index() -> None:
    # To make it takes longer than a transaction may, where the table is large.
    logger.warning("the table predictions lacks its index; %s", HELP)
