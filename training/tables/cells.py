"""What the cells of one column are: numbers, booleans, dates or texts, and missing values."""

import re
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stateserve.model import MISSING_CELLS

# Among numbers, a cell with one of these is missing, too.
MISSING_NUMBERS = {"-", "--", "?", ".", "..", "*", "x", "missing", "unknown", "#div/0!", "#value!"}
# Of other cells: a column with this share of numbers is one of numbers.
NUMBERS = 0.95
BOOLEANS = {"true": 1.0, "false": 0.0}
COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+)?,\d+(e[+-]?\d+)?", re.IGNORECASE)
GROUPS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
MARKS = re.compile(r"^[$€£¥]\s*|\s*[%$€£¥]$")
DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ]\d{1,2}:\d{2}.*)?|\d{1,2}:\d{2}(:\d{2}.*)?")
SAMPLE = 1000


@dataclass(frozen=True)
class Cells:
    """`texts` is a str column without spaces around, and NaN where missing; `numbers` float64
    (rows,) or None. `not_numbers` int64 are the places of texts among
    numbers, which are missing."""

    texts: pd.Series
    numbers: np.ndarray | None
    not_numbers: np.ndarray
    is_boolean: bool = False
    is_date: bool = False
    note: str | None = None

    @property
    def missing(self) -> np.ndarray:
        if self.numbers is not None:
            return np.asarray(np.isnan(self.numbers))
        return self.texts.isna().to_numpy(dtype=np.bool_)


def read_cells(column: pd.Series, *, decimal_comma: bool = False) -> Cells:
    """Read a column of text, or of any type that pandas knows.

    With `decimal_comma`, "1,234" is less than two; else it may be more than a thousand.
    """
    nothing = np.empty(0, np.int64)
    if pd.api.types.is_bool_dtype(column.dtype):
        numbers = column.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
        return Cells(_texts(column), numbers, nothing, is_boolean=True)
    if pd.api.types.is_numeric_dtype(column.dtype):
        numbers = pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)
        return Cells(_texts(column), numbers, nothing)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return Cells(_texts(column), None, nothing, is_date=True)
    texts = _texts(column)
    lower = texts.str.lower()
    known = texts.notna().to_numpy(dtype=bool)
    if not known.any():
        return Cells(texts, None, nothing)
    if lower[known].isin(list(BOOLEANS)).all():
        numbers = lower.map(BOOLEANS).to_numpy(dtype=np.float64)
        return Cells(texts, numbers, nothing, is_boolean=True)
    numbers, note = _numbers(texts, decimal_comma)
    strange = known & np.isnan(numbers)
    real = strange & ~lower.isin(list(MISSING_NUMBERS)).to_numpy(dtype=bool)
    if (~np.isnan(numbers)).any() and real.sum() <= (1 - NUMBERS) * known.sum():
        return Cells(texts, numbers, np.flatnonzero(strange), note=note)
    return Cells(texts, None, nothing, is_date=_are_dates(texts))


def _texts(column: pd.Series) -> pd.Series:
    if column.dtype == object:
        column = column.map(_as_text, na_action="ignore")
    texts = column.astype("str").str.strip()
    return texts.where(~texts.str.lower().isin(list(MISSING_CELLS)), other=np.nan)


def _as_text(value: object) -> str:
    # A spreadsheet has 3 as 3.0.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _numbers(texts: pd.Series, decimal_comma: bool) -> tuple[np.ndarray, str | None]:
    """float64 numbers, NaN for other texts; and how they were written, if not plainly."""
    plain = _parse(texts)
    rest = texts[np.isnan(plain) & texts.notna().to_numpy(dtype=bool)]
    if not len(rest):
        return plain, None
    bare = texts.str.replace(MARKS, "", regex=True)
    cells = bare[rest.index]
    note = "signs such as % or $ are taken off" if not cells.equals(rest) else None
    commas = cells[cells.str.contains(",", regex=False)]
    if not len(commas):
        return (_parse(bare), note) if note else (plain, None)
    # No number of thousands begins with 0.
    groups = commas.str.fullmatch(GROUPS) & ~commas.str.match(r"[+-]?0")
    if groups.mean() > NUMBERS and not decimal_comma:
        return _parse(bare.str.replace(",", "", regex=False)), "commas group the digits"
    if commas.str.fullmatch(COMMA).mean() > NUMBERS:
        written = bare.str.replace(".", "", regex=False).where(
            bare.str.contains(",", regex=False), bare
        )
        return _parse(written.str.replace(",", ".", regex=False)), "the decimal mark is a comma"
    return plain, None


def _parse(texts: pd.Series) -> np.ndarray:
    found = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return np.array(found)


def _are_dates(texts: pd.Series) -> bool:
    sample = texts.dropna().head(SAMPLE)
    if sample.str.fullmatch(DATE).mean() > NUMBERS:
        return True
    if not sample.str.contains(r"\d{4}|\d:\d", regex=True).mean() > NUMBERS:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = pd.to_datetime(sample, errors="coerce", format="mixed")
    return bool(found.notna().mean() > NUMBERS)
