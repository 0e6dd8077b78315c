"""The result of a forward pass of any module, and the rows of each request in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.predict.tensors.training_ranges import TrainingRanges
from stateserve.checkpoint import Array
from stateserve.model import Arrays


@dataclass(eq=False)
class TensorPass:
    """Outputs by name, and the inputs of each request; axis 0 of each is the batch axis."""

    parts: Sequence[Arrays]
    outputs: Arrays
    classified: str | None
    ranges: TrainingRanges | None = None

    @cached_property
    def inputs(self) -> Arrays:
        """The inputs of all requests, as they were sent: a module may change its own."""
        return {name: np.concatenate([part[name] for part in self.parts]) for name in self.parts[0]}

    @cached_property
    def outside(self) -> NDArray[np.bool_] | None:
        """As in TrainingRanges.outside; None without ranges."""
        return self.ranges.outside(self.inputs) if self.ranges else None

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

    @property
    def nbytes(self) -> int:
        """The memory of the outputs of these rows."""
        rows = self.end - self.start
        return sum(array[:1].nbytes * rows for array in self.whole.outputs.values())

    def rows_outside(self) -> int:
        """The number of rows with a value beyond the training range."""
        outside = self.whole.outside
        return 0 if outside is None else int(outside[self.start : self.end].any(axis=1).sum())
