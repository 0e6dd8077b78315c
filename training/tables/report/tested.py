"""The test rows of a table, and the answers of the model for them."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from stateserve.model import Feature
from training.tables.evaluate import outputs
from training.tables.fit import Fitted
from training.tables.table import Table


@dataclass(frozen=True)
class Tested:
    """`truth` has class indices int64 (rows,), or values float32 (rows,); `answers` are the
    model's log-probabilities float32 (rows, classes), or values (rows,); `interval` float32
    (rows, 2) are the ends of the interval of each value; `lines` are the rows in the file."""

    features: list[Feature]
    classes: list[str]
    rows: np.ndarray
    lines: np.ndarray
    truth: np.ndarray
    answers: np.ndarray
    interval: np.ndarray | None

    @classmethod
    def of(cls, fitted: Fitted, table: Table) -> Self:
        places = fitted.parts.test
        rows = table.rows[places]
        found = outputs(fitted.module, rows)
        classes = table.target.classes
        return cls(
            table.features,
            classes,
            rows,
            table.lines[places],
            table.target.values[places],
            found["log_probabilities" if classes else "value"],
            None if classes else found["interval"],
        )

    @property
    def losses(self) -> np.ndarray:
        """The negative log-likelihood of each true class, or the distance from each true value."""
        if self.classes:
            return np.asarray(-self.answers[np.arange(len(self.truth)), self.truth])
        return np.asarray(np.abs(self.truth - self.answers))
