"""The kind of an output, where its values leave no doubt."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stateserve.checkpoint import Array
from stateserve.model.signature import Kind

# Sums of float32, and of coarser dtypes.
TOLERANCE = {"float32": 1e-4, "float64": 1e-4, "float16": 1e-2, "bfloat16": 5e-2}


def kind_of(outputs: Sequence[Array]) -> Kind:
    """Probabilities if the last axis of all rows sums to 1, log-probabilities if that of their
    exponentials does; else `tensor`."""
    first = outputs[0]
    if first.ndim != 2 or first.shape[1] < 2 or first.dtype.name not in TOLERANCE:
        return "tensor"
    rows = np.concatenate([each.astype(np.float64) for each in outputs])
    tolerance = TOLERANCE[first.dtype.name]
    if (rows >= 0).all() and _sums_to_one(rows, tolerance):
        return "probabilities"
    if (rows <= tolerance).all() and _sums_to_one(np.exp(rows), tolerance):
        return "log_probabilities"
    return "tensor"


def _sums_to_one(rows: NDArray[np.float64], tolerance: float) -> bool:
    return bool((np.abs(rows.sum(axis=1) - 1) <= tolerance).all())
