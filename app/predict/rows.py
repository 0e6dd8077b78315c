"""Converts an array of numbers to the float32 rows of the model."""

import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidInstances
from app.predict.json_pointer import escape
from stateserve.errors import Fault
from stateserve.model.architectures import FloatArray
from stateserve.text import shortest

PART_ROWS = 2**14
# The largest float32; the forward pass reports an overflow of sums.
LARGEST = float(np.finfo(np.float32).max)


def as_float32(rows: NDArray[np.number], features: list[str]) -> FloatArray:
    """`rows` (rows, n_features) as contiguous float32, copied only if needed.

    Raises InvalidInstances for NaN, infinity and values beyond LARGEST.
    """
    # Compared as Python floats: a narrow dtype cannot hold LARGEST.
    if not (float(rows.min()) >= -LARGEST and float(rows.max()) <= LARGEST):
        row, column = _first_fault(rows)
        taken = f"numbers from {shortest(-LARGEST)} to {shortest(LARGEST)} are taken"
        fault = f"{rows[row, column]} where a finite number belongs; {taken}"
        raise InvalidInstances([Fault(f"/{row}/{escape(features[column])}", fault)])
    return np.ascontiguousarray(rows, dtype=np.float32)


def _first_fault(rows: NDArray[np.number]) -> tuple[int, int]:
    # In parts, because float64 takes more memory than the rows.
    with np.errstate(over="ignore"):
        return next(
            (start + row, column)
            for start in range(0, len(rows), PART_ROWS)
            for row, column in np.argwhere(
                ~(np.abs(rows[start : start + PART_ROWS].astype(np.float64)) <= LARGEST)
            ).tolist()
        )
