"""Rows for golden inputs: those of the example, and variations of them."""

from collections.abc import Mapping, Sequence

import numpy as np

from stateserve.checkpoint import Array
from stateserve.model.arrays import is_float

GOLDEN_ROWS = 3
RANDOM_ROWS = 4
Rows = dict[str, Array]


def golden_rows(example: Mapping[str, Array]) -> Rows:
    """Three rows of each input: the example's own, and then variations of them."""
    return {name: _extended(array) for name, array in example.items()}


def random_rows(example: Mapping[str, Array]) -> Rows:
    """Rows within the range of the example: random floats; integers in another order."""
    rng = np.random.default_rng(0)
    found: Rows = {}
    for name, array in example.items():
        shape = (RANDOM_ROWS, *array.shape[1:])
        if is_float(array) and array.size:
            values = array.astype(np.float64)
            finite = values[np.isfinite(values)]
            low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
            low, high = (low, high) if high > low else (low - 1, low + 1)
            found[name] = (low + rng.random(shape) * (high - low)).astype(array.dtype)
        else:
            rows = [_varied(array[index % len(array)], 5 + index) for index in range(RANDOM_ROWS)]
            found[name] = np.stack(rows)
    return found


def resized(rows: Mapping[str, Array], axes: Mapping[str, Sequence[int]], ratio: float) -> Rows:
    """The rows with other lengths of the given axes; values are cut off or repeated."""
    found = dict(rows)
    for name, each in axes.items():
        for axis in each:
            length = found[name].shape[axis]
            wanted = max(1, round(length * ratio))
            found[name] = np.take(found[name], np.arange(wanted) % length, axis)
    return found


def repeats(rows: Mapping[str, Array]) -> bool:
    """Whether all rows are equal, so that they prove nothing about each other."""
    return all((array == array[:1]).all() for array in rows.values())


def _extended(array: Array) -> Array:
    rows = list(array[:GOLDEN_ROWS])
    count = len(rows)
    rows += [_varied(array[index % count], index) for index in range(count, GOLDEN_ROWS)]
    return np.ascontiguousarray(np.stack(rows))


def _varied(row: Array, step: int) -> Array:
    """The row's values in another order, the same for all inputs; a constant row with noise."""
    rolled = np.roll(row.reshape(-1), step).reshape(row.shape)
    if not is_float(row) or not np.array_equal(rolled, row, equal_nan=True):
        return rolled
    values = row.astype(np.float64)
    noise = np.random.default_rng(step).normal(size=row.shape)
    return np.asarray(values + noise * np.maximum(1, np.abs(values)), row.dtype)
