"""The queue between those who predict and the thread that writes."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from app.errors import LogUnavailable, Overloaded, RejectedRows
from app.log.records import Record, to_rows
from app.metrics import Metrics

if TYPE_CHECKING:
    # Not at run time: only who logs needs SQLAlchemy.
    from app.log.database import LogDatabase

logger = logging.getLogger("app.log")
Result = TypeVar("Result")
# Rows of one transaction: of 300 each costs more, and 3,000 gain nothing.
BATCH_ROWS = 1000
PURGE_SECONDS = 60
DAY_SECONDS = 86_400
# Threads for those who ask the database, apart from those that predict: it may be slow.
ASKING_THREADS = 4
MAX_ASKING = 64


class PredictionLog:
    """Takes records from any thread, and writes them in another, `flush_seconds` later at most.

    What cannot be written waits, up to `max_rows`; then what is new is dropped and counted.
    """

    def __init__(
        self,
        database: "LogDatabase",
        metrics: Metrics,
        *,
        flush_seconds: float,
        retention_days: float,
        max_rows: int,
    ) -> None:
        self.database = database
        self.flush_seconds = flush_seconds
        self._retention = retention_days * DAY_SECONDS
        self._max_rows = max_rows
        # Written at once: the more objects wait, the longer the garbage collector takes.
        self._enough = min(BATCH_ROWS, max_rows)
        self._written = metrics.log_written
        self._dropped = {
            reason: metrics.log_dropped.labels(reason)
            for reason in ("queue_full", "duplicate_id", "rejected", "shutdown")
        }
        self._queue: deque[Record] = deque()
        self._waiting = 0
        self._counting = threading.Lock()
        # Taken from the queue and not yet written; whoever holds `_writing` owns it.
        self._batch: list[Record] = []
        self._writing = threading.Lock()
        self._hurry = threading.Event()
        self._stopped = threading.Event()
        self._next_purge = 0.0
        self._asking = 0

    def append(self, record: Record) -> None:
        """Never waits and never raises."""
        count = record.size
        with self._counting:
            waiting = self._waiting + count
            if waiting <= self._max_rows:
                self._queue.append(record)
                self._waiting = waiting
        if waiting > self._max_rows:
            self._dropped["queue_full"].inc(count)
        if waiting >= self._enough and not self._hurry.is_set():
            self._hurry.set()

    def start(self) -> None:
        """To be called in the process that predicts, after all forks."""
        self._threads = ThreadPoolExecutor(ASKING_THREADS, "log")
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what waits, or count it as dropped."""
        self._stopped.set()
        self._hurry.set()
        self._thread.join()
        self._threads.shutdown()
        if not self.flush():
            self._dropped["shutdown"].inc(self._waiting)
            logger.error("%d predictions are lost: they could not be logged", self._waiting)
        self.database.close()

    def flush(self) -> bool:
        """Write all that waits now; false where the database cannot take it."""
        with self._writing:
            left = self._waiting
            while left > 0 and (batch := self._batch or self._take()):
                try:
                    self._write(batch)
                except LogUnavailable:
                    return False
                left -= sum(record.size for record in batch)
            return True

    def find(self, id: str) -> list[Any]:
        """The rows of a prediction, written or still waiting here. Raises LogUnavailable."""
        found = self.database.find(id)
        if not found and self._waiting:
            self.flush()
            found = self.database.find(id)
        return found

    async def ask(self, question: Callable[..., Result], *arguments: Any) -> Result:
        """Call `question` in a thread. Raises what it raises, or Overloaded."""
        if self._asking >= MAX_ASKING:
            raise Overloaded(f"{self._asking} callers ask the prediction log already; try again")
        self._asking += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, question, *arguments)
        finally:
            self._asking -= 1

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._hurry.wait(self.flush_seconds)
            try:
                done = self.flush() and self._purge()
            except Exception:
                # Whatever it was: without this thread all that follows would be lost.
                logger.exception("the prediction log failed")
                done = False
            # Now, for what came meanwhile is a batch of its own only when it is enough.
            self._hurry.clear()
            if not done:
                # However much waits: a database that fails is not asked in a loop.
                self._stopped.wait(self.flush_seconds)

    def _take(self) -> list[Record]:
        rows = 0
        while self._queue and rows < BATCH_ROWS:
            record = self._queue.popleft()
            self._batch.append(record)
            rows += record.size
        return self._batch

    def _write(self, batch: list[Record]) -> None:
        rows = sum(record.size for record in batch)
        try:
            written = self.database.write(to_rows(batch))
            self._written.inc(written)
            self._dropped["duplicate_id"].inc(rows - written)
        except RejectedRows as error:
            logger.error("%d predictions are lost: the database rejects them: %s", rows, error)
            self._dropped["rejected"].inc(rows)
        self._batch = []
        with self._counting:
            self._waiting -= rows

    def _purge(self) -> bool:
        now = time.time()
        if now >= self._next_purge:
            try:
                self.database.purge(now - self._retention)
            except LogUnavailable:
                return False
            self._next_purge = now + PURGE_SECONDS
        return True
