"""Rows that repeat another one: a test on a copy of a training row would be no test."""

import numpy as np
import pandas as pd

# With more rows of each kind in the mean, or fewer kinds, a repeated row is no copy: the columns
# have few combinations of values.
MOST_COPIES, FEWEST_KINDS = 5, 10


def group_copies(rows: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, str | None]:
    """Groups int64 (rows,), numbered in the order of their first rows, and what is to be said.

    `rows` float32 (rows, columns), NaN where a value is missing, and the target's `values`
    (rows,). A group is the rows with the same values and the same target, unless most of the
    rows that repeat another have values that other rows have with another target: nothing can
    learn such a row by heart, and to part it from its like would hide a part of the truth.
    """
    features = _kinds(rows)
    kinds = _kinds(np.stack([features, values.astype(np.float64)], axis=1))
    count, every = int(kinds.max()) + 1, np.arange(len(rows))
    if count == len(rows):
        return every, None
    repeated = np.bincount(kinds)[kinds] > 1
    targets = np.bincount(features[np.unique(kinds, return_index=True)[1]])
    more_targets = targets[features[repeated]] > 1
    more = len(rows) - count
    said = f"{more} rows repeat another row" if more > 1 else "1 row repeats another row"
    few = count < max(FEWEST_KINDS, len(rows) / MOST_COPIES)
    if few or more_targets.mean() > 0.5:
        return every, f"{said}, as the columns have few combinations of values"
    return kinds, f"{said}; all copies of a row are in one part"


def _kinds(rows: np.ndarray) -> np.ndarray:
    """The number of each row's kind; -0 is 0, and all missing values are alike."""
    exact = np.where(np.isnan(rows), np.float32(np.nan), rows + 0)
    texts = np.empty(len(rows), object)
    texts[:] = [row.tobytes() for row in exact]
    return pd.factorize(texts)[0].astype(np.int64)
