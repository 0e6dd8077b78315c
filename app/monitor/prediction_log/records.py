"""Records of predictions in memory, and their rows for the database."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from stateserve.client import record_type
from stateserve.model import Predictor
from stateserve.model.architectures import FloatArray

# Measured values have at most so many digits; any other float32 is written in full.
DECIMALS = 4
_encode = msgspec.json.Encoder().encode


# Id, the request's id, model, version, the state's hash, time, inputs and probabilities as JSON,
# predicted class, and the outputs without classes as JSON.
Row = tuple[str, str, str, str, str, float, str, str, str, str | None]
# One request in a Record: its prediction id, its request id, the number of its first instance,
# and the number of instances.
Share = tuple[bytes, bytes, int, int]


class Rows:
    """How the rows of one version are written: inputs and probabilities by name."""

    def __init__(self, predictor: Predictor) -> None:
        self._identity = predictor.name, predictor.version, predictor.state_sha256
        self._classes = predictor.card.classes
        self._inputs = record_type([feature.name for feature in predictor.card.features])
        self._probabilities = record_type(self._classes)

    def of(self, records: Sequence["Record"]) -> Iterator[Row]:
        arrays = zip(*map(Record.arrays, records), strict=True)
        inputs, found, indices = map(np.concatenate, arrays)
        return zip(
            *identities(self._identity, records),
            map(_to_json, map(self._inputs, *shortest(inputs).T.tolist())),
            map(_to_json, map(self._probabilities, *found.T.tolist())),
            map(self._classes.__getitem__, indices.tolist()),
            repeat(None, len(indices)),
            strict=True,
        )


class AnyRecord(Protocol):
    """Some rows of one version, with their requests; `time` is in seconds since the epoch."""

    @property
    def rows(self) -> "AnyRows": ...

    @property
    def time(self) -> float: ...

    @property
    def size(self) -> int: ...

    @property
    def shares(self) -> list[Share]: ...


class AnyRows(Protocol):
    """How the rows of one version are written."""

    def of(self, records: Any, /) -> Iterator[Row]: ...


def identities(
    identity: tuple[str, str, str], records: Sequence[AnyRecord]
) -> tuple[Iterable[object], ...]:
    """The columns of a Row from the id to the time, for the rows of `records`."""
    shares = [share for each in records for share in each.shares]
    ids = [
        f"{prediction_id.decode()}:{number}"
        for prediction_id, _, first, size in shares
        for number in range(first, first + size)
    ]
    return (
        ids,
        chain.from_iterable(repeat(share[1].decode(), share[3]) for share in shares),
        *(repeat(each, len(ids)) for each in identity),
        chain.from_iterable(repeat(each.time, each.size) for each in records),
    )


# Not tracked by the garbage collector, and with few tracked objects, since many wait.
class Record(msgspec.Struct, gc=False):
    """`size` consecutive rows of one forward pass, from row `start` on, with their requests.

    The arrays are those of app.predict.ForwardPass; `time` is in seconds since the epoch.
    """

    rows: Rows
    time: float
    inputs: FloatArray
    probabilities: NDArray[np.float64]
    indices: NDArray[np.int64]
    start: int
    size: int
    shares: list[Share]

    def arrays(self) -> tuple[FloatArray, NDArray[np.float64], NDArray[np.int64]]:
        """inputs, probabilities and indices of these rows alone."""
        own = slice(self.start, self.start + self.size)
        return self.inputs[own], self.probabilities[own], self.indices[own]


def to_rows(records: Sequence[AnyRecord]) -> Iterator[Row]:
    by_version: dict[AnyRows, list[AnyRecord]] = {}
    for record in records:
        by_version.setdefault(record.rows, []).append(record)
    return chain.from_iterable(rows.of(each) for rows, each in by_version.items())


def _to_json(value: object) -> str:
    return _encode(value).decode()


def shortest(values: FloatArray) -> NDArray[np.float64]:
    """float32 values in their short form, 5.1 and not 5.099999904632568, if it is exact."""
    exact = values.astype(np.float64)
    rounded = exact.round(DECIMALS)
    return np.where(rounded.astype(np.float32) == values, rounded, exact)
