"""The test rows on which the model is most wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from pydantic import JsonValue

from stateserve.model import Feature
from training.tables.report.tested import Tested

COUNT = 10
MOST_COLUMNS = 6


@dataclass(frozen=True)
class WorstRow:
    """A row of the file; `probability` is that of the true class."""

    line: int
    truth: str
    answer: str
    probability: float | None
    cells: list[str]


@dataclass(frozen=True)
class WorstRows:
    """The rows with the largest loss, with their cells of `columns`."""

    columns: list[str]
    rows: list[WorstRow]

    @classmethod
    def of(cls, tested: Tested, places: Sequence[int]) -> Self:
        """With the first few of the columns at `places`."""
        places, losses = places[:MOST_COLUMNS], tested.losses
        order = np.argsort(-losses, kind="stable")[:COUNT]
        return cls(
            [tested.features[place].title for place in places],
            [_row(tested, int(row), places, float(losses[row])) for row in order],
        )


def _row(tested: Tested, row: int, places: Sequence[int], loss: float) -> WorstRow:
    truth, answer = tested.truth[row], tested.answers[row]
    cells = [cell(tested.features[place], tested.rows[row, place]) for place in places]
    line = int(tested.lines[row])
    if tested.classes:
        found = tested.classes[int(answer.argmax())]
        return WorstRow(line, tested.classes[truth], found, float(np.exp(-loss)), cells)
    return WorstRow(line, f"{truth:.6g}", f"{answer:.6g}", None, cells)


def cell(feature: Feature, number: np.float32) -> str:
    """The cell of a table that has this number in the tensor."""
    value = exact(feature, number)
    if value is None:
        return "other" if feature.kind == "category" and not np.isnan(number) else "missing"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def exact(feature: Feature, number: np.float32) -> JsonValue:
    """The JSON value of a number in the tensor, in its shortest form."""
    return feature.value_of(float(str(number)))
