"""Log-probabilities of an output with classes, from whatever kind of values the module returns."""

import numpy as np
from numpy.typing import NDArray

from stateserve.checkpoint import Array
from stateserve.model.signature import Output


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


def classified_output(outputs: list[Output]) -> Output | None:
    """The first output with a most probable class for each row."""
    return next((output for output in outputs if output.classifies), None)
