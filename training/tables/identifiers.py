"""Columns that say which row it is: an index, or an identifier."""

import math
import re
import shlex

import numpy as np
import pandas as pd

from stateserve.model import split_unit
from training.tables.cells import Cells

FEW_TEXTS = 20
FEWEST_CODES = 3
INDEX_NAMES = re.compile(r"|unnamed: \d+|index|row|row_?names|row_?(number|id|no)|no\.?|#|id", re.I)
ID_NAMES = re.compile(r"(.*[\s_.-])?(id|ids|uuid|guid|key|nr|number|code)|.*[a-z]I[Dd]", re.I)
# Of persons and things that are counted.
COUNTED = re.compile(
    r"(.*[\s_.-])?(respondent|participant|subject|patient|customer|client|user|member|person"
    r"|employee|household|case|sample|order|invoice|ticket|record|entry|obs|observation|kunde"
    r"|teilnehmer|proband|befragter?|mitarbeiter|fall|auftrag|rechnung)s?",
    re.IGNORECASE,
)
CODES = re.compile(
    r"(.*[\s_.-])?(code|zip|plz|postcode|zipcode|postleitzahl|fips|cap|cep)|code[\s_.-]postal",
    re.IGNORECASE,
)
TIMES = re.compile(
    r"(.*[\s_.-])?(t|time|years?|quarters?|months?|weeks?|days?|hours?|minutes?|seconds?|date|epoch"
    r"|steps?|cycles?|jahre?|monate?|wochen?|tage?|stunden?|minuten?|sekunden?|zeit|zyklus)",
    re.IGNORECASE,
)


def reason_of_identifier(
    name: str, cells: Cells, numbers: np.ndarray | None, different: int
) -> str | None:
    """Why the column is dropped; `numbers` are those that are not missing, and `different` counts
    the different values."""
    known = ~cells.missing
    if _counts_rows(name, numbers, known):
        return "an index, it counts the rows"
    if cells.column.is_index and different == len(known):
        return "the index of a data frame, all values differ"
    if different != known.sum() or different < FEW_TEXTS:
        return None
    if numbers is not None and not are_whole(numbers):
        return None
    if INDEX_NAMES.fullmatch(name):
        return "an index, all values differ"
    return "an identifier, all values differ" if ID_NAMES.fullmatch(name) else None


def _counts_rows(name: str, numbers: np.ndarray | None, known: np.ndarray) -> bool:
    """Whether the numbers are consecutive, and the name or the first of them is of a count."""
    if numbers is None or not known.all() or len(numbers) < 3 or (np.diff(numbers) != 1).any():
        return False
    first = float(numbers[0])
    if INDEX_NAMES.fullmatch(name) and first in (0, 1):
        return True
    if len(numbers) < FEW_TEXTS or not first.is_integer():
        return False
    # Numbers of rows start at 1001 or 10000; years, times and lengths are measured.
    starts = first > 100 and (first % 100 == 1 or 10 ** round(math.log10(first)) == first)
    measured = split_unit(name)[1] or TIMES.fullmatch(name) or 1500 < first < 2200
    return COUNTED.fullmatch(name) is not None or (starts and not measured)


def are_whole(numbers: np.ndarray) -> bool:
    return bool((numbers == np.floor(numbers)).all())


def about_codes(name: str, numbers: np.ndarray) -> str | None:
    """A note about numbers (rows,) that are perhaps names: a sum of two of them says nothing."""
    known = numbers[~np.isnan(numbers)]
    if (
        CODES.fullmatch(name) is None
        or not are_whole(known)
        or len(np.unique(known)) < FEWEST_CODES
    ):
        return None
    return f"perhaps codes: --category {shlex.quote(name)} makes each number a value of its own"


def are_dates(numbers: np.ndarray) -> bool:
    """Whether all are days of 1900 to 2099, written as 20240131."""
    if len(numbers) < FEW_TEXTS or numbers.min() < 19000101 or numbers.max() > 20991231:
        return False
    texts = pd.Series(numbers).map("{:.0f}".format)
    dates = pd.to_datetime(texts, format="%Y%m%d", errors="coerce")
    return are_whole(numbers) and bool(dates.notna().all())
