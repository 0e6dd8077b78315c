"""Permutation importance: how much worse the answers get when one column is shuffled.

Source: Breiman 2001, "Random Forests", Machine Learning 45, section 10.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stateserve.model.architectures import TableModule
from training.tables.evaluate import outputs
from training.tables.report.tested import Tested

REPEATS = 3
MOST_ROWS = 2000
FEWEST_ROWS = 100
# Of multiplications in all passes together: some seconds on one core. The encoding of a column
# costs as much as so many.
MOST_STEPS = 10_000_000_000
STEPS_OF_A_COLUMN = 100


@dataclass(frozen=True)
class Importance:
    """What the column's values are worth: the loss without them is `added` more in the mean of
    the repeats, with this `deviation`; None of a single one."""

    place: int
    added: float
    deviation: float | None


@dataclass(frozen=True)
class Importances:
    """Of each column, the most important first, on so many `rows`; none of too many columns."""

    columns: list[Importance]
    rows: int

    @property
    def places(self) -> list[int]:
        return [each.place for each in self.columns]


def importances(module: TableModule, tested: Tested, seed: int) -> Importances:
    """Shuffle each column of a sample of the test rows, several times."""
    count = tested.rows.shape[1]
    of_a_row = sum(each.numel() for each in module.parameters())
    of_a_row = count * (of_a_row + STEPS_OF_A_COLUMN * module.columns.width)
    size, repeats = min(MOST_ROWS, MOST_STEPS // (REPEATS * of_a_row)), REPEATS
    if size < FEWEST_ROWS:
        size, repeats = FEWEST_ROWS, 1
        if size * of_a_row > 4 * MOST_STEPS:
            return Importances([], 0)
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(tested.rows))[:size]
    rows, loss = tested.rows[chosen], _loss(module, tested, tested.truth[chosen])
    before = loss(rows)
    found = []
    for place in range(count):
        added: list[float] = []
        for _ in range(repeats):
            shuffled = rows.copy()
            shuffled[:, place] = random.permutation(rows[:, place])
            added.append(loss(shuffled) - before)
        deviation = float(np.std(added, ddof=1)) if repeats > 1 else None
        found.append(Importance(place, float(np.mean(added)), deviation))
    return Importances(sorted(found, key=lambda each: -each.added), len(chosen))


def _loss(module: TableModule, tested: Tested, truth: np.ndarray) -> Callable[[np.ndarray], float]:
    """The mean negative log-likelihood, or the root mean squared error."""

    def of(rows: np.ndarray) -> float:
        found = outputs(module, rows)
        if tested.classes:
            logs = found["log_probabilities"][np.arange(len(truth)), truth]
            return float(-logs.mean(dtype=np.float64))
        return float(np.sqrt(((truth - found["value"]).astype(np.float64) ** 2).mean()))

    return of
