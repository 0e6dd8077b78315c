"""Everything that is asked of the log's database, and what its failures mean."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, select, update
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable

from app.errors import LogUnavailable, RejectedRows
from app.log.records import Row
from app.log.schema import by_time, insert, predictions

logger = logging.getLogger("app.log")
_c = predictions.c
# The number of the lock that processes take in turns to make the table; any would do.
CREATION = 4_815_162_342
PORTION = 5000


class LogDatabase:
    """The table is made where it is missing, at the first use and after a failure.

    Every method raises LogUnavailable where the database cannot do it now; the log has the
    reason, once for each outage.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._prepared = False
        self._failing = False

    def write(self, rows: Iterable[Row]) -> int:
        """Write all or none; returns how many were new. Raises RejectedRows."""
        try:
            with self._transaction() as connection:
                return insert(connection, rows)
        except (DataError, IntegrityError) as error:
            raise RejectedRows(_reason(error)) from None

    def find(self, id: str) -> list[Any]:
        """All rows of a prediction; the newest version first."""
        query = select(predictions).where(_c.id == id).order_by(_c.time.desc(), _c.version.desc())
        with self._transaction() as connection:
            return list(connection.execute(query))

    def attach(self, id: str, true_class: str, time: float) -> None:
        """Set the true class of all rows of a prediction."""
        change = update(predictions).where(_c.id == id)
        with self._transaction() as connection:
            connection.execute(change.values(true_class=true_class, feedback_time=time))

    def count(self, model: str, version: str, since: float) -> list[tuple[str, str | None, int]]:
        """Of the rows since then: predicted class, true class if known, and how many."""
        groups = (_c.predicted, _c.true_class)
        query = select(*groups, func.count()).where(*_in_window(model, version, since))
        with self._transaction() as connection:
            return [tuple(row) for row in connection.execute(query.group_by(*groups))]

    def inputs(self, model: str, version: str, since: float, limit: int) -> list[dict[str, float]]:
        """The inputs of the rows since then, the newest `limit` at most."""
        query = select(_c.inputs).where(*_in_window(model, version, since))
        with self._transaction() as connection:
            return list(connection.scalars(query.order_by(_c.time.desc()).limit(limit)))

    def purge(self, before: float) -> None:
        """Delete the rows that are older."""
        # In portions: others wait while one is deleted, and a statement may only take so long.
        old = _c.time < before
        some = select(_c.id).where(old).limit(PORTION)
        deleted = PORTION
        while deleted:
            with self._transaction() as connection:
                found = connection.execute(delete(predictions).where(old, _c.id.in_(some)))
                deleted = found.rowcount

    def close(self) -> None:
        self._engine.dispose()

    def _create(self, connection: Connection) -> None:
        if self._engine.dialect.name == "postgresql":
            # Of two that create a table at once, if there is none, one fails.
            connection.execute(select(func.pg_advisory_xact_lock(CREATION)))
        connection.execute(CreateTable(predictions, if_not_exists=True))
        connection.execute(CreateIndex(by_time, if_not_exists=True))

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                if not self._prepared:
                    self._create(connection)
                yield connection
        except (DataError, IntegrityError):
            raise
        except (SQLAlchemyError, OSError) as error:
            self._prepared = False
            if not self._failing:
                logger.error("the prediction log's database fails: %s", _reason(error))
            self._failing = True
            raise LogUnavailable from None
        self._prepared = True
        if self._failing:
            logger.warning("the prediction log's database works again")
        self._failing = False


def _in_window(model: str, version: str, since: float) -> list[Any]:
    return [_c.time >= since, _c.model == model, _c.version == version]


def _reason(error: Exception) -> str:
    """In one line, without the statement and its parameters."""
    cause = getattr(error, "orig", None) or error
    return " ".join(str(cause).split())
