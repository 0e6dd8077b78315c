"""Columns that tell the target by themselves: perhaps they are known only after it."""

import shlex

import numpy as np

from training.tables.columns import Column

# Fewer rows may be told apart by chance; so may values with fewer rows in the mean.
FEWEST_ROWS, ROWS_OF_A_VALUE = 20, 2


def about_leaks(
    columns: list[tuple[str, Column]], rows: np.ndarray, targets: np.ndarray, *, classify: bool
) -> list[str]:
    """Notes about the columns, by their names in the header, that alone tell the target of all
    rows. `rows` float32 (rows, columns) are those that have a target, `targets` (rows,)."""
    return [
        f"column {name!r} alone tells the target of all rows: if it is not known before the "
        f"target is, leave it out: --drop {shlex.quote(name)}"
        for (name, column), values in zip(columns, rows.T, strict=True)
        if _tells(values, targets, column.feature.kind == "category", classify)
    ]


def _tells(given: np.ndarray, targets: np.ndarray, is_category: bool, classify: bool) -> bool:
    known = ~np.isnan(given)
    if known.sum() < max(FEWEST_ROWS, len(targets) / 2):
        return False
    order = np.argsort(given[known], kind="stable")
    values, truth = given[known][order], targets[known][order]
    same_value, same_target = np.diff(values) == 0, np.diff(truth) == 0
    # Equal values with other targets tell nothing.
    if (same_value & ~same_target).any():
        return False
    different = 1 + int((~same_value).sum())
    if len(values) >= ROWS_OF_A_VALUE * different:
        return True
    if is_category:
        return False
    if classify:
        # Each class has a part of the range.
        return int((~same_target).sum()) + 1 == len(np.unique(truth))
    steps = np.diff(truth)[~same_value]
    return bool((steps >= 0).all() or (steps <= 0).all())
