"""The queries of the prediction log, and the errors for their failures."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, func, select, update
from sqlalchemy import Row as SqlRow
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from app.errors import LogUnavailable, RejectedRows
from app.monitor.prediction_log.outage import Kind, Outage
from app.monitor.prediction_log.preparation import Unprepared, prepare
from app.monitor.prediction_log.records import Row
from app.monitor.prediction_log.tables import delete_before, insert, predictions

LoggedRow = SqlRow[tuple[object, ...]]
_c = predictions.c
# Rows of one DELETE: other statements wait meanwhile, and a statement has a time limit.
PORTION = 5000


class Count(NamedTuple):
    """A number of rows with the same state and classes; the state is None in old rows."""

    state_sha256: str | None
    predicted: str
    true_class: str | None
    rows: int


class LogDatabase:
    """The database of the log; a missing table is created at the first use and after a failure.

    Every method raises LogUnavailable if the database fails; the service's log has the reason,
    once for each outage.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._prepared = False
        # One thread after another: all would compile the same queries of SQLAlchemy's, which
        # ended CPython 3.11 once with a segmentation fault.
        self._preparing = Lock()
        self._outage = Outage()

    def write(self, rows: Iterable[Row]) -> None:
        """Write all rows or none. Raises RejectedRows."""
        try:
            with self._transaction("writing") as connection:
                insert(connection, rows)
        except (DataError, IntegrityError) as error:
            raise RejectedRows(_reason(error)) from None

    def find(self, id: str) -> list[LoggedRow]:
        """All rows of a prediction: one, except for rows of an older release."""
        query = select(predictions).where(_c.id == id).order_by(_c.time.desc(), _c.version.desc())
        with self._transaction("reading") as connection:
            return list(connection.execute(query))

    def attach(
        self, id: str, true_class: str | None, true_value: list[float] | None, time: float
    ) -> None:
        """Set the true class or value of all rows of a prediction."""
        change = update(predictions).where(_c.id == id)
        given: dict[str, object] = {"true_class": true_class}
        if true_value is not None:
            given = {"true_value": true_value}
        with self._transaction("writing") as connection:
            connection.execute(change.values(given | {"feedback_time": time}))

    def count(self, model: str, version: str, since: float) -> list[Count]:
        groups = (_c.state_sha256, _c.predicted, _c.true_class)
        query = select(*groups, func.count()).where(*_in_window(model, version, since))
        with self._transaction("reading") as connection:
            return [Count(*row) for row in connection.execute(query.group_by(*groups))]

    def inputs(
        self, model: str, version: str, state_sha256: str, since: float, limit: int
    ) -> list[dict[str, float]]:
        """The inputs of the newest rows since a time, at most `limit`."""
        query = select(_c.inputs).where(*_in_window(model, version, since))
        query = query.where(_c.state_sha256 == state_sha256)
        with self._transaction("reading") as connection:
            return list(connection.scalars(query.order_by(_c.time.desc()).limit(limit)))

    def values(
        self, model: str, version: str, state_sha256: str, since: float, limit: int
    ) -> list[tuple[dict[str, object], list[float]]]:
        """Outputs and true values of the newest rows that have both, at most `limit`."""
        query = select(_c.outputs, _c.true_value).where(*_in_window(model, version, since))
        query = query.where(_c.state_sha256 == state_sha256, _c.true_value.is_not(None))
        with self._transaction("reading") as connection:
            found = connection.execute(query.order_by(_c.time.desc()).limit(limit))
            return [(row[0], row[1]) for row in found]

    def purge(self, before: float) -> bool:
        """Delete a portion of the older rows; returns whether there may be more."""
        with self._transaction("writing") as connection:
            return delete_before(connection, before, PORTION) == PORTION

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _transaction(self, kind: Kind) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                if not self._prepared:
                    with self._preparing:
                        prepare(connection)
                yield connection
        except (DataError, IntegrityError):
            raise
        except (SQLAlchemyError, Unprepared, OSError) as error:
            self._prepared = False
            # For SQLite, the path of its file.
            self._outage.begin(kind, f"{self._engine.url.database}: {_reason(error)}")
            raise LogUnavailable from None
        self._prepared = True
        self._outage.end(kind)


def _in_window(model: str, version: str, since: float) -> list[Any]:
    return [_c.time >= since, _c.model == model, _c.version == version]


def _reason(error: Exception) -> str:
    """The error in one line, without the statement and its parameters."""
    cause = getattr(error, "orig", None) or error
    # PostgreSQL's primary message alone: its DETAIL would show the row with its inputs.
    message = getattr(getattr(cause, "diag", None), "message_primary", None) or str(cause)
    return " ".join(message.split())
