"""The result of a forward pass, and the rows of each request in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stateserve.model.architectures import FloatArray


@dataclass(eq=False)
class ForwardPass:
    """The model's outputs for float32 `rows` (rows, n_features).

    log_probabilities float32 and probabilities float64, both (rows, n_classes); indices
    int64 (rows,) of the most probable classes; outside bool (rows, n_features) marks values
    beyond the training range, and is None if there are none.
    """

    rows: FloatArray
    log_probabilities: FloatArray
    probabilities: NDArray[np.float64]
    indices: NDArray[np.int64]
    outside: NDArray[np.bool_] | None

    _lists: tuple[list[int], list[list[float]]] | None = None

    def between(self, start: int, end: int) -> "ForwardPass":
        """The outputs for the rows from start to end."""
        rows = slice(start, end)
        return ForwardPass(
            self.rows[rows],
            self.log_probabilities[rows],
            self.probabilities[rows],
            self.indices[rows],
            None if self.outside is None else self.outside[rows],
        )

    def lists(self) -> tuple[list[int], list[list[float]]]:
        """indices and probabilities as lists, made once for all requests of the pass."""
        if self._lists is None:
            self._lists = self.indices.tolist(), self.probabilities.tolist()
        return self._lists

    def drop_lists(self) -> None:
        """Free the lists, which take ten times the memory of the arrays."""
        self._lists = None


class Prediction(NamedTuple):
    """One request's share of a forward pass: its rows from start to end."""

    whole: ForwardPass
    start: int
    end: int

    def rows_outside(self) -> int:
        """The number of rows with a value beyond the training range."""
        outside = self.whole.outside
        return 0 if outside is None else int(outside[self.start : self.end].any(axis=1).sum())

    def parts(self, most: int) -> Iterator["Prediction"]:
        """The prediction in parts of at most `most` rows."""
        if self.end - self.start <= most:
            yield self
            return
        for start in range(self.start, self.end, most):
            part = self.whole.between(start, min(start + most, self.end))
            yield Prediction(part, 0, len(part.rows))
