"""What is kept of a prediction until it is written, and the rows that it becomes."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.compiled import FloatArray
from app.inference import Prediction
from app.predictions import record_type
from app.predictor import Predictor

# People measure to so many digits; a float32 that is no such number is written in full.
DECIMALS = 4
_encode = msgspec.json.Encoder().encode


class Batch(NamedTuple):
    """Rows of one version as a JSON list of [id, time, inputs, probabilities, class]."""

    model: str
    version: str
    rows: str


class Rows:
    """How the rows of one version are written: inputs and probabilities by name."""

    def __init__(self, predictor: Predictor) -> None:
        self.model, self.version = predictor.name, predictor.version
        self._classes = predictor.card.classes
        self._inputs = record_type([feature.name for feature in predictor.card.features])
        self._probabilities = record_type(self._classes)

    def batch(self, records: Sequence["Record"]) -> Batch:
        shares = [record.prediction for record in records]
        inputs = np.concatenate([whole.rows[start:end] for whole, start, end in shares])
        columns = shortest(inputs).T.tolist()
        found = np.concatenate([whole.probabilities[start:end] for whole, start, end in shares])
        indices = np.concatenate([whole.indices[start:end] for whole, start, end in shares])
        ids = [f"{record.request_id}:{index}" for record in records for index in record.numbers]
        times = [record.time for record in records for _ in record.numbers]
        rows = zip(
            ids,
            times,
            map(self._inputs, *columns),
            map(self._probabilities, *found.T.tolist()),
            map(self._classes.__getitem__, indices.tolist()),
            strict=True,
        )
        return Batch(self.model, self.version, _encode(list(rows)).decode())


class Record(NamedTuple):
    """Part of the answer to a request, `first` the number of its first instance in the body.

    `time` in seconds since the epoch.
    """

    rows: Rows
    request_id: str
    time: float
    prediction: Prediction
    first: int = 0

    @property
    def size(self) -> int:
        return self.prediction.end - self.prediction.start

    @property
    def numbers(self) -> range:
        return range(self.first, self.first + self.size)


def to_batches(records: Sequence[Record]) -> list[Batch]:
    """One Batch for each version."""
    by_version: dict[Rows, list[Record]] = {}
    for record in records:
        by_version.setdefault(record.rows, []).append(record)
    return [rows.batch(each) for rows, each in by_version.items()]


def shortest(values: FloatArray) -> NDArray[np.float64]:
    """float32 values as people wrote them, 5.1 and not 5.099999904632568, where that is exact."""
    exact = values.astype(np.float64)
    rounded = exact.round(DECIMALS)
    return np.where(rounded.astype(np.float32) == values, rounded, exact)
