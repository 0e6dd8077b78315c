"""The training ranges of the columns of a model's tables, and the values outside of them."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from stateserve.checkpoint import Array
from stateserve.model import Arrays, Feature, Input


class Column(NamedTuple):
    """The column `place` of an input."""

    input: str
    place: int
    feature: Feature


class TrainingRanges:
    """`columns` are those of all inputs with features, in order; a column may have no range."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        self.columns = [
            Column(given.name, place, feature)
            for given in inputs
            for place, feature in enumerate(given.features or ())
        ]
        unknown = -np.inf, np.inf
        self._limits: dict[str, Array] = {
            given.name: np.array([each.range or unknown for each in given.features]).T
            for given in inputs
            if given.features
        }

    @classmethod
    def of(cls, inputs: Sequence[Input]) -> Self | None:
        """None if no column has a range."""
        found = cls(inputs)
        return found if any(each.feature.range for each in found.columns) else None

    def outside(self, inputs: Arrays) -> NDArray[np.bool_] | None:
        """Marks the values outside of their ranges, bool (rows, columns); None if there are none.

        A missing value, NaN, is not outside.
        """
        parts = []
        for name, limits in self._limits.items():
            values = inputs[name]
            # A limit of 0.1 is the float32 0.1, which is larger.
            with np.errstate(over="ignore"):
                low, high = limits if values.dtype.kind in "iu" else limits.astype(values.dtype)
            parts.append((values < low) | (values > high))
        found = np.concatenate(parts, axis=1)
        return found if found.any() else None
