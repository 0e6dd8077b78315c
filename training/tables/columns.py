"""What becomes of each column: a number, a boolean, a category, or nothing."""

import shlex
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from stateserve.model import Feature, split_unit
from stateserve.tables import about_other_texts
from training.data import class_order
from training.errors import DataError
from training.header import LONGEST_NAME, wrong_name
from training.tables.cells import Cells
from training.tables.groups import about_group
from training.tables.identifiers import (
    FEW_TEXTS,
    about_codes,
    are_dates,
    are_whole,
    reason_of_identifier,
)
from training.tables.spellings import about_values

# A category has an input for each of its most frequent values: for so many, and for more if
# each of them has so many rows.
MANY_VALUES = 50
MAX_VALUES = 200
ROWS_OF_A_VALUE = 5
# A column of more different texts than this share of the rows is free text.
FREE_TEXT = 0.5
# The squares of deviations from a mean are finite in float64, and so are sums in float32.
LARGEST = 1e30
# It is said if float32 makes one of so many values in the mean.
MERGED = 2


@dataclass(frozen=True)
class Column:
    """A column as float32 (rows,), NaN where missing; `feature` describes it."""

    feature: Feature
    numbers: np.ndarray


@dataclass(frozen=True)
class Decided:
    """`decision` says what became of the column called `name`; `column` is None if it is dropped.

    `notes` say what was guessed on the way.
    """

    name: str
    decision: str
    column: Column | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Choices:
    """What the user says of columns, by their names in the header."""

    drop: Collection[str] = ()
    keep: Collection[str] = ()
    category: Collection[str] = ()
    group: str | None = None


def decide(path: Path, name: str, cells: Cells, rows: np.ndarray, choices: Choices) -> Decided:
    """Decide about a column. Raises DataError for a number beyond LARGEST."""
    if name in choices.drop:
        return Decided(name, "dropped: --drop")
    if name == choices.group:
        return Decided(name, "the group of a row, no input: --group")
    forced = name in choices.category
    reason = None if forced else _reason_to_drop(name, cells)
    if reason and (reason == "empty" or name not in choices.keep):
        return Decided(name, f"dropped: {reason}")
    if what := wrong_name(name):
        drop = shlex.quote(name)
        raise DataError(f"{path}: {what} in the header; change it, or leave it out: --drop {drop}")
    if forced or cells.numbers is None:
        found = _category(name, cells)
    else:
        found = _numeric(path, name, cells, cells.numbers, rows)
        found.notes.extend(filter(None, [about_codes(name, cells.numbers)]))
    if choices.group is None and (note := about_group(name, cells)):
        found.notes.append(note)
    return found


def _reason_to_drop(name: str, cells: Cells) -> str | None:
    known = ~cells.missing
    if not known.any():
        return "empty"
    if cells.other:
        return f"no plain values, but {cells.other}"
    count = int(known.sum())
    numbers = None if cells.numbers is None else cells.numbers[known]
    different = cells.different
    if different == 1 and known.all():
        return f"constant, always {str(cells.column.texts[0])[:40]!r}"
    if reason := reason_of_identifier(name, cells, numbers, different):
        return reason
    if cells.is_date or (numbers is not None and are_dates(numbers)):
        return "dates"
    if cells.is_time:
        return "times or durations; as numbers, such as minutes, they are kept"
    if numbers is None and different > max(FEW_TEXTS, FREE_TEXT * count):
        return _reason_of_texts(cells, different, count)
    return None


def _reason_of_texts(cells: Cells, different: int, count: int) -> str:
    if cells.some_numbers:
        return f"mixed, {cells.some_numbers} of {count} values are numbers"
    if cells.is_code:
        return f"codes with leading zeros, {different} of {count} values differ"
    what = "an identifier, all" if different == count else f"free text, {different} of"
    return f"{what} {count} values differ"


def require_finite(path: Path, name: str, numbers: np.ndarray, rows: np.ndarray) -> None:
    """Raise DataError for infinity, and for a number beyond LARGEST."""
    wrong = np.flatnonzero(np.abs(numbers) > LARGEST)
    if len(wrong):
        number = numbers[wrong[0]]
        why = f"too large; numbers from {-LARGEST:g} to {LARGEST:g} are taken"
        what = "not a finite number" if np.isinf(number) else why
        raise DataError(f"{path}: column {name!r}, row {rows[wrong[0]]}: {number} is {what}")


def _numeric(path: Path, name: str, cells: Cells, exact: np.ndarray, rows: np.ndarray) -> Decided:
    require_finite(path, name, exact, rows)
    numbers = exact.astype(np.float32)
    missing = np.isnan(numbers)
    title, unit = split_unit(name)
    about: dict[str, object] = {"name": title, "unit": unit, "missing": bool(missing.any())}
    if cells.is_boolean:
        decision, about["kind"] = "boolean", "boolean"
    else:
        known = np.sort(numbers[~missing])
        low, middle, high = (float(str(known[place])) for place in (0, len(known) // 2, -1))
        about |= {"minimum": low, "maximum": high, "example": middle, "whole": are_whole(known)}
        decision = "number"
    notes = [cells.note] if cells.note else []
    if len(cells.not_numbers):
        first = cells.not_numbers[0]
        text = str(cells.column.texts[first])
        notes.append(about_other_texts(len(cells.not_numbers), text, int(rows[first])))
    apart = len(np.unique(numbers[~missing]))
    if cells.different >= MERGED * apart:
        notes.append(
            f"its {cells.different} different values are {apart} in float32, which has 7 digits; "
            f"if they are names: --category {shlex.quote(name)}"
        )
    if missing.any():
        decision += f", {missing.sum()} missing: the median and an indicator"
    return Decided(name, decision, Column(Feature.model_validate(about), numbers), notes)


def _category(name: str, cells: Cells) -> Decided:
    texts = cells.texts.mask(pd.Series(cells.missing, index=cells.texts.index))
    counts = texts.value_counts()
    if not len(counts):
        return Decided(name, "dropped: empty")
    values = [each for each in map(str, counts.index) if len(each) <= LONGEST_NAME]
    if not values:
        return Decided(name, f"dropped: texts of more than {LONGEST_NAME} characters")
    most = min(MAX_VALUES, max(MANY_VALUES, int((counts >= ROWS_OF_A_VALUE).sum())))
    other = len(counts) > min(most, len(values))
    kept = sorted(values[:most], key=class_order)
    places = {value: place for place, value in enumerate(kept)}
    codes = texts.map(places)
    if other:
        codes = codes.where(codes.notna() | texts.isna(), other=len(kept))
    numbers = codes.to_numpy(dtype=np.float32, na_value=np.nan)
    missing = int(np.isnan(numbers).sum())
    decision = f"category of {len(kept)} values"
    if other:
        decision = f"category of the {len(kept)} most frequent of {len(counts)} values, and others"
    if cells.is_code:
        decision += ", codes with leading zeros"
    if missing:
        decision += f", {missing} missing: a value of their own"
    feature = Feature(
        name=split_unit(name)[0], kind="category", values=kept, other=other, missing=missing > 0
    )
    notes = about_values({str(value): int(count) for value, count in counts.items()})
    return Decided(name, decision, Column(feature, numbers), notes)
