"""Compares the predictions of a shadow, another version, with each answer after it is sent."""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from app.monitor import ShadowCounts
from app.predict import CHUNK_ROWS, Answered, Observer, Prediction
from stateserve.model import AnyModel, Predictor

logger = logging.getLogger("app.shadow")
# A comparison blocks the interpreter; with this many requests for 0.1 ms.
MOST_TOGETHER = 64
# Waiting rows stay in memory; beyond this number the shadow drops requests. All rows of a large
# request are added at once, after its answer.
MOST_WAITING_ROWS = 8 * CHUNK_ROWS


def why_not_comparable(default: AnyModel, shadow: AnyModel) -> str | None:
    """Why the two versions cannot be compared; None if they can."""
    if not (isinstance(default, Predictor) and isinstance(shadow, Predictor)):
        return "only tabular classifiers are compared"
    for what in ("features", "classes"):
        ours, theirs = (
            [getattr(each, "name", each) for each in getattr(predictor.card, what)]
            for predictor in (default, shadow)
        )
        if ours != theirs:
            return f"its {what} are {', '.join(theirs)}; those of the default {', '.join(ours)}"
    return None


class Mirror(Observer[Prediction]):
    """Compares a shadow with answers, in a thread that yields after each small batch.

    It computes nothing in the event loop's thread, raises nothing, and drops requests that do
    not fit into its queue: a slow shadow misses requests but delays none.
    """

    def __init__(self, shadow: Predictor, counts: ShadowCounts) -> None:
        self._shadow = shadow
        self._counts = counts
        self._waiting: deque[Prediction] = deque()
        self._waiting_rows = 0
        self._busy = False
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "shadow")

    def answered(self, answered: Sequence[Answered[Prediction]]) -> None:
        for _, prediction, _ in answered:
            self.offer(prediction)

    def offer(self, prediction: Prediction) -> None:
        rows = prediction.end - prediction.start
        with self._lock:
            fits = self._waiting_rows + rows <= MOST_WAITING_ROWS
            if fits:
                self._waiting.append(prediction)
                self._waiting_rows += rows
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

    def _take(self) -> list[Prediction]:
        batch: list[Prediction] = []
        rows = 0
        with self._lock:
            while self._waiting and len(batch) < MOST_TOGETHER and rows < CHUNK_ROWS:
                batch.append(self._waiting.popleft())
                rows += batch[-1].end - batch[-1].start
            self._waiting_rows -= rows
            self._busy = bool(batch)
        return batch

    def _attempt(self, batch: list[Prediction]) -> None:
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

    def _compare(self, batch: list[Prediction]) -> None:
        logs = self._shadow.log_probabilities(
            np.concatenate([whole.rows[start:end] for whole, start, end in batch])
        )
        if not np.isfinite(logs).all():
            raise OverflowError("the shadow's forward pass overflows")
        probabilities, indices = (
            np.concatenate([getattr(whole, name)[start:end] for whole, start, end in batch])
            for name in ("probabilities", "indices")
        )
        distance = np.abs(np.exp(logs, dtype=np.float64) - probabilities).mean(axis=1).sum()
        self._counts.add(len(batch), indices, logs.argmax(axis=1), float(distance))
