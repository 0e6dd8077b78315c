"""What the cells of one column are: numbers, booleans, dates or texts, and missing values."""

import re
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
import pandas as pd

from stateserve.tables import INEXACT, LEADING_ZERO, MISSING_NUMBERS, NUMBERS, TRUTHS, Column, Mark

DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ]\d{1,2}:\d{2}.*)?|\d{1,2}:\d{2}(:\d{2}.*)?")
TIME = re.compile(r"[+-]?(\d+ days? )?\d{1,3}:\d{2}(:\d{2}([.,]\d+)?)?( ?[ap]m)?", re.IGNORECASE)
SAMPLE = 1000


@dataclass(frozen=True)
class Cells:
    """`numbers` are float64 (rows,), or None for a column of texts. `not_numbers` int64 are the
    places of texts among numbers, which are missing. `other` says what other values the column
    has, such as lists; `some_numbers` is the number of numbers among texts. Whole numbers of
    which some have a leading zero are codes, and texts."""

    column: Column
    numbers: np.ndarray | None
    not_numbers: np.ndarray
    is_boolean: bool = False
    is_date: bool = False
    is_time: bool = False
    is_code: bool = False
    note: str | None = None
    other: str | None = None
    some_numbers: int = 0

    @cached_property
    def texts(self) -> pd.Series:
        """The cells as a str column without spaces around, and NaN where missing."""
        return pd.Series(self.column.texts, dtype="str")

    @cached_property
    def missing(self) -> np.ndarray:
        if self.numbers is not None:
            return np.asarray(np.isnan(self.numbers))
        return self.texts.isna().to_numpy(dtype=np.bool_)

    @cached_property
    def different(self) -> int:
        """How many different values there are. Of numbers that float64 lacks, the texts count."""
        if self.numbers is None:
            return int(self.texts.nunique())
        known = self.numbers[~self.missing]
        if np.abs(known).max(initial=0) >= INEXACT:
            return int(self.texts[~self.missing].nunique())
        return len(np.unique(known))


def read_cells(column: Column, mark: Mark | None = None, *, codes: bool = True) -> Cells:
    """Read a column; `mark` is the decimal mark of the file. Without `codes`, 007 is a number."""
    nothing = np.empty(0, np.int64)
    cells = column.cells
    if column.kind == "other":
        return Cells(column, None, nothing, other=column.texts[0] if column.texts else None)
    if not isinstance(cells, list):
        return Cells(column, cells, nothing, is_boolean=column.kind == "boolean")
    different = set(filter(None, cells))
    if column.kind == "date" or not different:
        return Cells(column, None, nothing, is_date=column.kind == "date")
    if all(text.lower() in TRUTHS for text in different):
        truths = [float(TRUTHS[text.lower()]) if text else np.nan for text in cells]
        return Cells(column, np.array(truths), nothing, is_boolean=True)
    found = column.numbers(mark)
    unread = np.flatnonzero(np.isnan(found.values)).tolist()
    known = len(cells) - cells.count(None)
    # Bounds alone, such as <18 and >65, are categories.
    if len(unread) < len(cells) and found.bounds <= known / 2:
        strange = {place: text for place in unread if (text := cells[place]) is not None}
        real = sum(text.lower() not in MISSING_NUMBERS for text in strange.values())
        if real <= (1 - NUMBERS) * known:
            if codes and _are_codes(different - set(strange.values())):
                return Cells(column, None, nothing, is_code=True)
            return Cells(column, found.values, np.array([*strange], np.int64), note=found.note)
    sample = pd.Series([*islice(filter(None, cells), SAMPLE)], dtype="str")
    is_time = bool(sample.str.fullmatch(TIME).mean() > NUMBERS)
    return Cells(
        column,
        None,
        nothing,
        is_date=not is_time and _are_dates(sample),
        is_time=is_time,
        some_numbers=len(cells) - len(unread),
    )


def _are_codes(numbers: Collection[str]) -> bool:
    zeros = any(map(LEADING_ZERO.fullmatch, numbers))
    return zeros and all(text.isascii() and text.isdigit() for text in numbers)


def _are_dates(sample: pd.Series) -> bool:
    if sample.str.fullmatch(DATE).mean() > NUMBERS:
        return True
    if not sample.str.contains(r"\d{4}|\d:\d", regex=True).mean() > NUMBERS:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = pd.to_datetime(sample, errors="coerce", format="mixed")
    return bool(found.notna().mean() > NUMBERS)
