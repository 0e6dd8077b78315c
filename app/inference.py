"""The one path from rows to predictions that every protocol calls."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from app.errors import Fault, InvalidInstances
from app.metrics import Metrics
from app.predictor import FloatArray, Predictor


class RangeWarning(NamedTuple):
    """A value outside its feature's training range: answered, but extrapolated."""

    row: int
    column: int
    value: float


@dataclass(frozen=True)
class Prediction:
    """log_probabilities float32 (rows, n_classes), by the predictor that computed them."""

    predictor: Predictor
    log_probabilities: FloatArray
    indices: list[int]
    warnings: list[RangeWarning]


class Inference:
    def __init__(self, predictor: Predictor, metrics: Metrics) -> None:
        self.predictor = predictor
        self._metrics = metrics

    def predict(self, rows: FloatArray) -> Prediction:
        """Predict float32 (rows, n_features). Raises InvalidInstances on overflow."""
        predictor = self.predictor
        log_probabilities = predictor.log_probabilities(rows)
        if not np.isfinite(log_probabilities).all():
            wrong = int(np.argwhere(~np.isfinite(log_probabilities))[0, 0])
            fault = Fault(f"/instances/{wrong}", "so large that the forward pass overflows")
            raise InvalidInstances([fault])
        indices = log_probabilities.argmax(axis=1).tolist()
        prediction = Prediction(predictor, log_probabilities, indices, _outside(predictor, rows))
        self._count(prediction)
        return prediction

    def _count(self, prediction: Prediction) -> None:
        metrics, card = self._metrics, prediction.predictor.card
        model = prediction.predictor.name
        metrics.batch_size.labels(model).observe(len(prediction.indices))
        by_class = np.bincount(prediction.indices, minlength=len(card.classes)).tolist()
        for name, count in zip(card.classes, by_class, strict=True):
            if count:
                metrics.predictions.labels(model, name).inc(count)
        for warning in prediction.warnings:
            metrics.out_of_range.labels(model, card.features[warning.column].name).inc()


def _outside(predictor: Predictor, rows: FloatArray) -> list[RangeWarning]:
    lowest, highest = predictor.ranges
    places = np.argwhere((rows < lowest) | (rows > highest)).tolist()
    return [RangeWarning(row, column, float(str(rows[row, column]))) for row, column in places]
