"""The one path from rows to predictions that every protocol calls."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Counter

from app.batching import Batcher
from app.errors import Fault, InvalidInstances
from app.metrics import Metrics
from app.predictor import FloatArray, Predictor

# Requests of up to so many rows share a forward pass; larger ones would gain nothing by it.
MAX_BATCHED_ROWS = 64
# Rows per forward pass of a large request: its activations stay in the processor's cache.
CHUNK_ROWS = 16_384


@dataclass(slots=True)
class Prediction:
    """What one forward pass says of float32 `rows` (rows, n_features).

    log_probabilities float32 and probabilities float64, both (rows, n_classes); indices
    int64 (rows,) of the most probable classes; outside bool (rows, n_features) marks values
    beyond the training range, answered but extrapolated, and is None where there are none.
    """

    rows: FloatArray
    log_probabilities: FloatArray
    probabilities: NDArray[np.float64]
    indices: NDArray[np.int64]
    outside: NDArray[np.bool_] | None

    def part(self, start: int, end: int) -> "Prediction":
        return Prediction(
            self.rows[start:end],
            self.log_probabilities[start:end],
            self.probabilities[start:end],
            self.indices[start:end],
            None if self.outside is None else self.outside[start:end],
        )


class Inference:
    """One predictor behind its batcher, counted in metrics."""

    def __init__(self, predictor: Predictor, metrics: Metrics, max_pending: int = 4096) -> None:
        self.predictor = predictor
        self._batcher = Batcher(self._predict_together, max_pending=max_pending)
        name, card = predictor.name, predictor.card
        self._batch_size = metrics.batch_size.labels(name)
        self._by_class = [metrics.predictions.labels(name, label) for label in card.classes]
        self._by_feature = [
            metrics.out_of_range.labels(name, feature.name) for feature in card.features
        ]

    async def predict(self, rows: FloatArray) -> Prediction:
        """Predict float32 (rows, n_features), up to MAX_BATCHED_ROWS, with others of this tick.

        Raises InvalidInstances on overflow, Overloaded when the queue is full.
        """
        return await self._batcher.submit(rows)

    def predict_chunks(self, rows: FloatArray) -> Iterator[Prediction]:
        """Predict any number of rows, a chunk at a time; for a thread, not the event loop.

        Raises InvalidInstances on overflow.
        """
        for start in range(0, len(rows), CHUNK_ROWS):
            yield self._predict(rows[start : start + CHUNK_ROWS], start)

    def close(self) -> None:
        self._batcher.close()

    def _predict_together(self, items: list[FloatArray]) -> list[Prediction]:
        if len(items) == 1:
            return [self._predict(items[0])]
        whole = self._predict(np.concatenate(items))
        parts, end = [], 0
        for item in items:
            start, end = end, end + len(item)
            parts.append(whole.part(start, end))
        return parts

    def _predict(self, rows: FloatArray, first: int = 0) -> Prediction:
        predictor = self.predictor
        logs = predictor.log_probabilities(rows)
        finite = np.isfinite(logs)
        if not finite.all():
            wrong = first + int(np.argwhere(~finite)[0, 0])
            fault = Fault(f"/instances/{wrong}", "so large that the forward pass overflows")
            raise InvalidInstances([fault])
        # In float64, so that the probabilities of a row sum to 1 to the last digits shown.
        probabilities = np.exp(logs, dtype=np.float64)
        lowest, highest = predictor.ranges
        outside = (rows < lowest) | (rows > highest)
        found = outside if outside.any() else None
        prediction = Prediction(rows, logs, probabilities, logs.argmax(axis=1), found)
        self._count(prediction)
        return prediction

    def _count(self, prediction: Prediction) -> None:
        self._batch_size.observe(len(prediction.rows))
        counts = np.bincount(prediction.indices, minlength=len(self._by_class))
        _increase(self._by_class, counts)
        if prediction.outside is not None:
            _increase(self._by_feature, prediction.outside.sum(axis=0))


def _increase(counters: list[Counter], counts: NDArray[np.int64]) -> None:
    for counter, count in zip(counters, counts.tolist(), strict=True):
        if count:
            counter.inc(count)
