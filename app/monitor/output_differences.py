"""The difference between two versions' values of one output."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from stateserve.checkpoint import Array

# A row is close if no element differs by more than this share of its largest element, or of 1.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class OutputDifferences:
    """Over `rows` rows; `absolute` is the sum over rows of the mean absolute difference.

    A row's relative difference is the Euclidean norm of the difference, divided by the larger of
    the two norms. Elements that are not finite in both are left out of these figures, and make a
    row close only if they are equal; NaN equals NaN.
    """

    rows: int
    close: int
    absolute: float
    largest_absolute: float
    largest_relative: float

    @classmethod
    def between(cls, ours: Array, theirs: Array) -> Self:
        """Compare two arrays of the same shape, of any dtype; axis 0 is the batch axis."""
        a, b = (each.astype(np.float64).reshape(len(each), -1) for each in (ours, theirs))
        both = np.isfinite(a) & np.isfinite(b)
        same = (a == b) | (np.isnan(a) & np.isnan(b)) | both
        a, b = np.where(both, a, 0), np.where(both, b, 0)
        absolute = np.abs(b - a)
        largest = _largest(absolute)
        norms = [np.linalg.norm(each, axis=1) for each in (b - a, a, b)]
        relative = norms[0] / np.maximum(np.maximum(norms[1], norms[2]), np.finfo(np.float64).tiny)
        close = same.all(axis=1) & (largest <= TOLERANCE * np.maximum(1, _largest(np.abs(a))))
        return cls(
            len(a),
            int(close.sum()),
            float(absolute.sum() / max(1, a.shape[1])),
            float(largest.max(initial=0)),
            float(relative.max(initial=0)),
        )


def _largest(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest element of each row, which may have none; no element is negative."""
    largest: NDArray[np.float64] = rows.max(axis=1, initial=0)
    return largest
