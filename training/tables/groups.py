"""Groups: rows of one person, place or thing, which belong in one part of the rows."""

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd

from training.errors import DataError
from training.tables.cells import Cells
from training.tables.identifiers import COUNTED, are_whole

# The rows are divided into so many parts at most.
FEWEST_GROUPS = 5
NAMES = re.compile(
    rf"(.*[\s_.-])?(id|ids|uuid|guid)|.*[a-z]I[Dd]"
    rf"|({COUNTED.pattern})([\s_.-]?(id|no|nr|number|num|code))?",
    re.IGNORECASE,
)
# A column that names persons or things has so many of them, with so many rows in the mean.
FEWEST_NAMED, LEAST_ROWS = 10, 1.5


def group_rows(path: Path, name: str, cells: Cells, rows: np.ndarray) -> np.ndarray:
    """int64 (rows,): the number of the group of each of the chosen `rows`, by the column called
    `name`; a row without a value is a group of its own. Raises DataError for a column that
    divides no rows."""
    texts = pd.Series(cells.column.texts, dtype="str").iloc[rows]
    groups, different = pd.factorize(texts)
    if not FEWEST_GROUPS <= len(different) < len(groups):
        count = (
            "all rows have other values"
            if len(different) == len(groups)
            else (f"it has {len(different)} different values, and {FEWEST_GROUPS} are needed")
        )
        raise DataError(f"{path}: --group: {name!r} divides no rows: {count}")
    alone = groups < 0
    groups[alone] = len(different) + np.arange(alone.sum())
    return np.asarray(groups, np.int64)


def about_group(name: str, cells: Cells) -> str | None:
    """A note about a column that perhaps names the groups of the rows."""
    known = ~cells.missing
    numbers = None if cells.numbers is None else cells.numbers[known]
    if cells.is_boolean or NAMES.fullmatch(name) is None:
        return None
    if numbers is not None and not are_whole(numbers):
        return None
    different = cells.different
    if different < FEWEST_NAMED or known.sum() < LEAST_ROWS * different:
        return None
    return (
        f"its {different} values have {known.sum() / different:.1f} rows each: if they are persons "
        "or things, and new rows are of others, the figures of the test rows are too good; "
        f"--group {shlex.quote(name)} keeps the rows of one in one part, and leaves the column out"
    )
