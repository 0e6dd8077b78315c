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
    values: np.ndarray, classify: bool, test_size: float, validation_size: float, seed: int
) -> Parts:
    """Split by class, where each class has enough rows for it."""
    rest, test = _two(np.arange(len(values)), values, classify, test_size, seed)
    train, validation = _two(rest, values, classify, validation_size, seed)
    return Parts(train, validation, test)


def _two(
    places: np.ndarray, values: np.ndarray, classify: bool, share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    count = min(max(1, round(share * len(places))), MOST_HELD_OUT, len(places) - 1)
    labels = values[places]
    by_class = labels if classify else None
    try:
        kept, out = train_test_split(places, test_size=count, random_state=seed, stratify=by_class)
    except ValueError:
        # A class has one row, or there are more classes than rows in a part.
        kept, out = train_test_split(places, test_size=count, random_state=seed)
    if classify:
        # The network has to see every class.
        for label in np.setdiff1d(labels, values[kept]):
            moved = out[values[out] == label][:1]
            kept, out = np.append(kept, moved), np.setdiff1d(out, moved)
    return np.sort(kept), np.sort(out)
