"""Compares the predictions of a shadow, another version, with each answer after it is sent."""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from app.monitor import ShadowCounts
from app.predict import Answered, Observer, Predicted
from app.registry.shadow_comparison import Comparison

logger = logging.getLogger("app.shadow")
# A comparison blocks the interpreter; with this many requests for 0.1 ms.
MOST_TOGETHER = 64


class Mirror(Observer[Predicted]):
    """Compares a shadow with answers, in a thread that yields after each small batch.

    It computes nothing in the event loop's thread, raises nothing, and drops requests that do
    not fit into its queue: a slow shadow misses requests but delays none.
    """

    def __init__(self, compare: Comparison[Predicted], counts: ShadowCounts) -> None:
        self._compare = compare
        self._counts = counts
        # Waiting predictions stay in memory, with their weights.
        self._waiting: deque[tuple[Predicted, int]] = deque()
        self._weight = 0
        self._busy = False
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "shadow")

    def answered(self, answered: Sequence[Answered[Predicted]]) -> None:
        for _, prediction, _ in answered:
            self.offer(prediction)

    def offer(self, prediction: Predicted) -> None:
        weight = self._compare.weight(prediction)
        with self._lock:
            fits = self._weight + weight <= self._compare.most_waiting
            if fits:
                self._waiting.append((prediction, weight))
                self._weight += weight
            starts = fits and not self._busy
            self._busy |= fits
        if not fits:
            self._counts.shed.inc()
        elif starts:
            self._start()

    def _start(self) -> None:
        try:
            self._thread.submit(self._work)
        except RuntimeError:
            # No thread could be started; the next answer tries again.
            with self._lock:
                self._busy = False

    def _work(self) -> None:
        while batch := self._take():
            self._attempt(batch)
            # Releases the interpreter's lock to waiting threads. A low priority would not help: a
            # preempted thread would hold the lock even longer.
            time.sleep(0)

    def _take(self) -> list[Predicted]:
        batch: list[Predicted] = []
        rows = 0
        most_rows = self._compare.most_rows
        with self._lock:
            while self._waiting and len(batch) < MOST_TOGETHER and rows < most_rows:
                prediction, weight = self._waiting.popleft()
                batch.append(prediction)
                rows += prediction.end - prediction.start
                self._weight -= weight
            self._busy = bool(batch)
        return batch

    def _attempt(self, batch: list[Predicted]) -> None:
        try:
            self._compare(batch)
        except Exception:
            if len(batch) > 1:
                # One request may cause the error: compared alone, only this request fails.
                for each in batch:
                    self._attempt([each])
                return
            self._counts.failed.inc()
            logger.debug("the shadow failed", exc_info=True)
