"""Prepare the table of the log: create only the parts that are missing."""

import logging
from functools import cache

from sqlalchemy import Connection, Executable, func, inspect, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from app.monitor.prediction_log.tables import ADDED, by_time, predictions

logger = logging.getLogger("app.log")
# An arbitrary number for the lock under which processes create the table one after the other.
CREATION = 4_815_162_342
HELP = "docs/monitoring.md has the statements for a role with the right to create tables"


class Unprepared(Exception):
    """A missing part cannot be created; the text names it and the reason."""


def prepare(connection: Connection) -> None:
    """Create the table, or the columns that an older one lacks. Raises Unprepared.

    A complete table needs no rights to create one: then no such statement is sent.
    """
    if not (lacking := _lacking(connection)):
        return
    try:
        if connection.dialect.name == "postgresql":
            # If two processes create the same at once, one fails.
            connection.execute(select(func.pg_advisory_xact_lock(CREATION)))
            lacking = _lacking(connection)
        for statement in lacking:
            connection.execute(statement)
    except ProgrammingError as error:
        raise Unprepared(f"the table predictions cannot be made: {error.orig}; {HELP}") from error


def _lacking(connection: Connection) -> list[Executable]:
    """The statements that create the missing parts."""
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
    # On a large table, creating the index takes longer than a transaction may.
    logger.warning("the table predictions lacks its index; %s", HELP)
