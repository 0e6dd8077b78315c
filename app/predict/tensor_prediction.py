"""The result of a forward pass of any module, and the rows of each request in it."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stateserve.checkpoint import Array
from stateserve.model import Arrays, Output


@dataclass(eq=False)
class TensorPass:
    """Inputs and outputs by name; axis 0 of each is the batch axis."""

    inputs: Arrays
    outputs: Arrays
    classified: str | None
    # No model of this kind has training ranges.
    outside: None = None

    @cached_property
    def indices(self) -> NDArray[np.int64] | None:
        """The most probable class of each row in the output `classified`, int64 (rows,)."""
        if self.classified is None:
            return None
        numbers: NDArray[np.float32] = self.outputs[self.classified].astype(np.float32)
        found: NDArray[np.int64] = numbers.argmax(axis=1)
        return found


class TensorPrediction(NamedTuple):
    """One request's share of a forward pass: its rows from start to end."""

    whole: TensorPass
    start: int
    end: int

    def output(self, name: str) -> Array:
        return self.whole.outputs[name][self.start : self.end]

    def rows_outside(self) -> int:
        return 0


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
