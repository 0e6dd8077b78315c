"""What is kept of a prediction until it is written, and the rows that it becomes."""

from collections.abc import Iterator, Sequence
from itertools import chain, repeat
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
        arrays = zip(*map(Record.arrays, records), strict=True)
        inputs, found, indices = map(np.concatenate, arrays)
        return zip(
            [row_id.decode() for each in records for row_id in each.ids],
            repeat(self.model, len(indices)),
            repeat(self.version, len(indices)),
            chain.from_iterable(repeat(each.time, each.size) for each in records),
            map(_to_json, map(self._inputs, *shortest(inputs).T.tolist())),
            map(_to_json, map(self._probabilities, *found.T.tolist())),
            map(self._classes.__getitem__, indices.tolist()),
            strict=True,
        )


# Out of sight of the garbage collector, and holding little that it sees: many wait.
class Record(msgspec.Struct, gc=False):
    """Consecutive rows of one forward pass, one for each of `ids`, from row `start` on.

    The arrays are those of app.inference.ForwardPass; `time` is in seconds since the epoch.
    """

    rows: Rows
    time: float
    inputs: FloatArray
    probabilities: NDArray[np.float64]
    indices: NDArray[np.int64]
    start: int
    ids: list[bytes]

    @property
    def size(self) -> int:
        return len(self.ids)

    def arrays(self) -> tuple[FloatArray, NDArray[np.float64], NDArray[np.int64]]:
        """inputs, probabilities and indices of these rows alone."""
        own = slice(self.start, self.start + self.size)
        return self.inputs[own], self.probabilities[own], self.indices[own]


def row_ids(request_id: bytes, size: int, first: int = 0) -> list[bytes]:
    """Each row's: the request's, a colon, and the number of the instance in the body."""
    if size == 1 and not first:
        return [request_id + b":0"]
    return [b"%b:%d" % (request_id, number) for number in range(first, first + size)]


def to_rows(records: Sequence[Record]) -> Iterator[Row]:
    by_version: dict[Rows, list[Record]] = {}
    for record in records:
        by_version.setdefault(record.rows, []).append(record)
    return chain.from_iterable(rows.of(each) for rows, each in by_version.items())


def _to_json(value: Any) -> str:
    return _encode(value).decode()


def shortest(values: FloatArray) -> NDArray[np.float64]:
    """float32 values as people wrote them, 5.1 and not 5.099999904632568, where that is exact."""
    exact = values.astype(np.float64)
    rounded = exact.round(DECIMALS)
    return np.where(rounded.astype(np.float32) == values, rounded, exact)
