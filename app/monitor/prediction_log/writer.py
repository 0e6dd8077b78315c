"""The queue between the pipeline and the thread that writes to the database."""

import asyncio
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from app.errors import DeadlineExceeded, LogUnavailable, Overloaded, RejectedRows
from app.monitor.metrics import Metrics
from app.monitor.prediction_log.daemon_threads import DaemonThreads
from app.monitor.prediction_log.records import AnyRecord, to_rows
from app.monitor.prediction_log.retention import Retention

if TYPE_CHECKING:
    # Not at run time: SQLAlchemy is an extra.
    from app.monitor.prediction_log.database import LogDatabase, LoggedRow

logger = logging.getLogger("app.log")
Result = TypeVar("Result")
# Rows of one transaction: with 300 each row costs more, and 3,000 are no better.
BATCH_ROWS = 1000
# Threads for queries, separate from those for predictions, since a database may be slow.
ASKING_THREADS = 4
MAX_ASKING = 64


class PredictionLog:
    """Accepts records from any thread; its own thread writes them within `flush_seconds`.

    Up to `max_rows` rows wait if they cannot be written; further ones are dropped and counted.
    """

    def __init__(
        self,
        database: "LogDatabase",
        metrics: Metrics,
        *,
        flush_seconds: float,
        retention_days: float,
        max_rows: int,
        timeout_seconds: float,
    ) -> None:
        self.database = database
        self.flush_seconds = flush_seconds
        self._timeout = timeout_seconds
        self._retention = Retention(retention_days)
        self._max_rows = max_rows
        # Written at once, since waiting objects slow the garbage collector.
        self._enough = min(BATCH_ROWS, max_rows)
        self._written = metrics.log_written
        self._dropped = {
            reason: metrics.log_dropped.labels(reason)
            for reason in ("queue_full", "rejected", "shutdown")
        }
        self._queue: deque[AnyRecord] = deque()
        self._waiting = 0
        # Rows for which the queue had no room, and of which the log has no line yet.
        self._refused = 0
        self._counting = threading.Lock()
        # Taken from the queue and not yet written; the holder of `_writing` owns it.
        self._batch: list[AnyRecord] = []
        self._writing = threading.Lock()
        self._hurry = threading.Event()
        self._stopped = threading.Event()
        self._asking = 0

    def append(self, record: AnyRecord) -> None:
        """Never waits and never raises."""
        count = record.size
        with self._counting:
            waiting = self._waiting + count
            if waiting <= self._max_rows:
                self._queue.append(record)
                self._waiting = waiting
            else:
                self._refused += count
        if waiting > self._max_rows:
            self._dropped["queue_full"].inc(count)
        if waiting >= self._enough and not self._hurry.is_set():
            self._hurry.set()

    def start(self) -> None:
        """Start the thread; call this in the process that predicts, after all forks."""
        self._threads = DaemonThreads(ASKING_THREADS, "log")
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def close(self, seconds: float) -> None:
        """Write waiting rows for at most `seconds`; the rest is counted as dropped."""
        self._stopped.set()
        self._hurry.set()
        self._thread.join(seconds)
        self._threads.close()
        if left := self._waiting:
            self._dropped["shutdown"].inc(left)
            logger.error("%d predictions are lost: they could not be logged", left)
        self.database.close()

    def flush(self) -> bool:
        """Write all rows that wait now; False if the database fails."""
        if not self._writing.acquire(timeout=self._timeout):
            return False
        try:
            left = self._waiting
            while left > 0 and (batch := self._batch or self._take()):
                try:
                    self._write(batch)
                except LogUnavailable:
                    return False
                left -= sum(record.size for record in batch)
            return True
        finally:
            self._writing.release()

    def find(self, id: str) -> "list[LoggedRow]":
        """The rows of a prediction, written or still waiting here.

        Raises LogUnavailable, also if the rows that wait cannot be written now.
        """
        found = self.database.find(id)
        if not found:
            # Whether or not rows wait now: they may have been added or written meanwhile.
            written = self.flush()
            found = self.database.find(id)
            if not found and not written:
                raise LogUnavailable
        return found

    async def ask(
        self, until: float | None, question: Callable[..., Result], *arguments: object
    ) -> Result:
        """Call `question` in a thread and wait for it, until a time of time.monotonic(), if given.

        Raises the errors of `question`, LogUnavailable, DeadlineExceeded, or Overloaded.
        """
        if self._asking >= MAX_ASKING:
            raise Overloaded(f"{self._asking} callers ask the prediction log already; try again")
        left = math.inf if until is None else until - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded
        self._asking += 1
        try:
            # Answers are reported at the end of their tick; the question may be about one of them.
            await asyncio.sleep(0)
            future = asyncio.wrap_future(self._threads.submit(question, *arguments))
            answer: Result = await asyncio.wait_for(future, min(left, self._timeout))
            return answer
        except TimeoutError:
            raise LogUnavailable from None
        finally:
            self._asking -= 1

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._hurry.wait(self.flush_seconds)
            try:
                done = self.flush() and self._purge()
            except Exception:
                # Any error: without this thread, all further rows would be lost.
                logger.exception("the prediction log failed")
                done = False
            if done:
                self._tell_refused()
            # Now, since rows that arrive meanwhile start a batch only when they are enough.
            self._hurry.clear()
            if not done:
                # For any number of rows: a failing database is not tried in a loop.
                self._stopped.wait(self.flush_seconds)
        self.flush()
        self._tell_refused()

    def _tell_refused(self) -> None:
        """One line, once the database works, or at the end: a failing one is told already."""
        with self._counting:
            refused, self._refused = self._refused, 0
        if refused:
            most = "more than %d rows (--prediction-log-max-rows) waited to be logged"
            logger.error(f"%d predictions are lost: {most}", refused, self._max_rows)

    def _take(self) -> list[AnyRecord]:
        rows = 0
        while self._queue and rows < BATCH_ROWS:
            record = self._queue.popleft()
            self._batch.append(record)
            rows += record.size
        return self._batch

    def _write(self, batch: list[AnyRecord]) -> None:
        rows = sum(record.size for record in batch)
        try:
            self.database.write(to_rows(batch))
            self._written.inc(rows)
        except RejectedRows as error:
            logger.error("%d predictions are lost: the database rejects them: %s", rows, error)
            self._dropped["rejected"].inc(rows)
        self._batch = []
        with self._counting:
            self._waiting -= rows

    def _purge(self) -> bool:
        """Delete old rows in portions; new rows are written between them."""
        try:
            while (before := self._retention.due()) is not None and not self._stopped.is_set():
                if not self.database.purge(before):
                    self._retention.done()
                if not self.flush():
                    return False
        except LogUnavailable:
            return False
        return True
