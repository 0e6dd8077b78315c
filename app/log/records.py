"""What is kept of a prediction until it is written, and the rows that it becomes."""

import secrets
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.compiled import FloatArray
from app.predictions import record_type
from app.predictor import Predictor

# People measure to so many digits; a float32 that is no such number is written in full.
DECIMALS = 4
_encode = msgspec.json.Encoder().encode


# Id, model, version, time, inputs and probabilities as JSON, predicted class.
Row = tuple[str, str, str, float, str, str, str]


class Rows:
    """How the rows of one version are written: inputs and probabilities by name."""

    def __init__(self, predictor: Predictor) -> None:
        self.model, self.version = predictor.name, predictor.version
        self._classes = predictor.card.classes
        self._inputs = record_type([feature.name for feature in predictor.card.features])
        self._probabilities = record_type(self._classes)

    def of(self, records: Sequence["Record"]) -> Iterator[Row]:
        inputs = np.concatenate([each.inputs[each.start : each.end] for each in records])
        found = np.concatenate([each.probabilities[each.start : each.end] for each in records])
        indices = np.concatenate([each.indices[each.start : each.end] for each in records])
        return zip(
            [row_id for each in records for row_id in each.ids()],
            repeat(self.model, len(indices)),
            repeat(self.version, len(indices)),
            [each.time for each in records for _ in range(each.size)],
            map(_to_json, map(self._inputs, *shortest(inputs).T.tolist())),
            map(_to_json, map(self._probabilities, *found.T.tolist())),
            map(self._classes.__getitem__, indices.tolist()),
            strict=True,
        )


# Out of sight of the garbage collector, and holding nothing that it sees: thousands wait.
class Record(msgspec.Struct, frozen=True, gc=False):
    """Part of the answer to a request, `first` the number of its first instance in the body.

    It is rows `start` to `end` of the arrays, which are those of app.inference.ForwardPass;
    `time` is in seconds since the epoch.
    """

    rows: Rows
    request_id: bytes
    time: float
    inputs: FloatArray
    probabilities: NDArray[np.float64]
    indices: NDArray[np.int64]
    start: int
    end: int
    first: int = 0

    @property
    def size(self) -> int:
        return self.end - self.start

    def ids(self) -> list[str]:
        """Each row's: the request's, a colon, and the number of the instance."""
        request_id = self.request_id.decode() or secrets.token_hex(12)
        return [f"{request_id}:{self.first + number}" for number in range(self.size)]


def to_rows(records: Sequence[Record]) -> list[Row]:
    by_version: dict[Rows, list[Record]] = {}
    for record in records:
        by_version.setdefault(record.rows, []).append(record)
    return [row for rows, each in by_version.items() for row in rows.of(each)]


def _to_json(value: Any) -> str:
    return _encode(value).decode()


def shortest(values: FloatArray) -> NDArray[np.float64]:
    """float32 values as people wrote them, 5.1 and not 5.099999904632568, where that is exact."""
    exact = values.astype(np.float64)
    rounded = exact.round(DECIMALS)
    return np.where(rounded.astype(np.float32) == values, rounded, exact)
