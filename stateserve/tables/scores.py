"""How well predictions fit the true values that a table still has."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stateserve.text import four_digits


@dataclass(frozen=True)
class Truth:
    """The column of true classes or values; None where it has none. `note` says why a score of
    these rows is no test of the model, if it is none."""

    column: str
    values: Sequence[str | float | None]
    note: str | None = None


@dataclass(frozen=True)
class Score:
    """Of `rows` rows with a true value in `column`: of classes `accuracy`, and how many are
    `right`; of numbers `r2` (None if all are equal) and `mae`, the mean absolute error. `note`
    says why the score is no test of the model, such as one of its training rows."""

    column: str
    rows: int
    accuracy: float | None = None
    right: int | None = None
    r2: float | None = None
    mae: float | None = None
    note: str | None = None

    @property
    def line(self) -> str:
        if self.accuracy is not None:
            return f"accuracy {four_digits(self.accuracy)}: {self.right} of {self.rows} rows"
        r2 = "" if self.r2 is None else f"R2 {four_digits(self.r2)}, "
        return f"{r2}mean absolute error {self.mae:.4g}: {self.rows} rows"


def score_classes(truth: Truth, found: Sequence[str | None]) -> Score | None:
    """None without a true class. A class that the model lacks is never right."""
    pairs = [pair for pair in zip(truth.values, found, strict=True) if pair[0] is not None]
    right = sum(true == label for true, label in pairs)
    if not pairs:
        return None
    return Score(truth.column, len(pairs), right / len(pairs), right, note=truth.note)


def score_values(truth: Truth, found: Sequence[float]) -> Score | None:
    """None without a true value."""
    pairs = [
        (float(true), value)
        for true, value in zip(truth.values, found, strict=True)
        if true is not None
    ]
    if not pairs:
        return None
    true, values = np.array(pairs, np.float64).T
    off = true - values
    spread = float(((true - true.mean()) ** 2).sum())
    r2 = 1 - float((off**2).sum()) / spread if spread > 0 else None
    return Score(truth.column, len(pairs), r2=r2, mae=float(np.abs(off).mean()), note=truth.note)
