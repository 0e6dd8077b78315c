"""The parts of a table: rows to train on, to check each epoch on, and to test on."""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import train_test_split

# Each row more than so many in the test or the validation part says little.
MOST_HELD_OUT = 50_000


@dataclass(frozen=True)
class Parts:
    """Places of rows, int64, each ascending."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split(
    values: np.ndarray,
    classify: bool,
    test_size: float,
    validation_size: float,
    seed: int,
    groups: np.ndarray,
) -> Parts:
    """Split by class, where each class has enough rows for it; `groups` int64 (rows,) are not
    divided, unless a part would have no row."""
    rest, test = _two(np.arange(len(values)), values, classify, test_size, seed, groups)
    train, validation = _two(rest, values, classify, validation_size, seed, groups)
    return Parts(train, validation, test)


def _two(
    rows: np.ndarray,
    values: np.ndarray,
    classify: bool,
    share: float,
    seed: int,
    groups: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    # The first row of each group is drawn, and the others follow it.
    places = rows[np.unique(groups[rows], return_index=True)[1]]
    count = min(max(1, round(share * len(places))), MOST_HELD_OUT, len(places) - 1)
    labels = values[places]
    by_class = labels if classify else None
    try:
        _, out = train_test_split(places, test_size=count, random_state=seed, stratify=by_class)
    except ValueError:
        # A class has one row, or there are more classes than rows in a part.
        _, out = train_test_split(places, test_size=count, random_state=seed)
    if classify:
        # The network has to see every class.
        for label in np.setdiff1d(values[rows], values[rows[~np.isin(groups[rows], groups[out])]]):
            having = groups[rows[values[rows] == label]]
            out = out[groups[out] != next(each for each in groups[out] if each in having)]
    if not len(out) and len(places) < len(rows):
        return _two(rows, values, classify, share, seed, np.arange(len(values)))
    is_out = np.isin(groups[rows], groups[out])
    return rows[~is_out], rows[is_out]
