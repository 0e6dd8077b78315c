"""Log-probabilities of an output with classes, from whatever kind of values the module returns."""

import numpy as np
from numpy.typing import NDArray

from stateserve.checkpoint import Array
from stateserve.model.signature import Output

# Of sums of bfloat16, or of many classes.
PROBABILITY_ROUNDING = 0.05


def log_probabilities(output: Output, values: Array) -> NDArray[np.float64]:
    """Of an output that classifies: float64 of the shape of `values`.

    Probabilities of 0 give -inf.
    """
    wide = values.astype(np.float64)
    if output.kind == "log_probabilities":
        return wide
    if output.kind == "probabilities":
        with np.errstate(divide="ignore"):
            return np.log(wide)
    wide -= wide.max(axis=1, keepdims=True)
    wide -= np.log(np.exp(wide).sum(axis=1, keepdims=True))
    return wide


def require_probabilities(output: Output, values: Array) -> None:
    """Raises ValueError if rows of probabilities, or the exponentials of log-probabilities, of an
    output that classifies do not sum to 1."""
    if output.kind == "logits" or not output.classifies:
        return
    with np.errstate(over="ignore"):
        rows = values.astype(np.float32)
        rows = np.exp(rows) if output.kind == "log_probabilities" else rows
    sums = rows.sum(axis=1, dtype=np.float64)
    if (rows < -PROBABILITY_ROUNDING).any() or not (np.abs(sums - 1) <= PROBABILITY_ROUNDING).all():
        raise ValueError(f"{output.name!r:.100} has rows that are no {output.kind} of classes")


def classified_output(outputs: list[Output]) -> Output | None:
    """The first output with a most probable class for each row."""
    return next((output for output in outputs if output.classifies), None)
