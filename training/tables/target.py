"""The target column: classes, or values."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from stateserve.model import split_unit
from stateserve.tables import INEXACT, exact_number
from training.data import class_order
from training.errors import DataError
from training.header import LONGEST_NAME, is_shown
from training.tables.cells import Cells
from training.tables.columns import require_finite
from training.tables.spellings import about_classes

Task = Literal["classes", "values"]
# Whole numbers are classes if they are so few, each with so many rows in the mean.
MOST_NUMBERS = 20
ROWS_OF_EACH = 3
MOST_CLASSES = 1000
# A class is rare with a smaller part of the rows that each class would have if all were equal.
RARE = 0.2


@dataclass(frozen=True)
class Target:
    """`values` int64 (rows,) indices of `classes`, or float32 (rows,) numbers; `rows` int64 are
    the places in the table of the rows that have a target."""

    name: str
    unit: str | None
    task: Task
    values: np.ndarray
    rows: np.ndarray
    classes: list[str]
    notes: list[str]


def read_target(
    path: Path, name: str, cells: Cells, file_rows: np.ndarray, task: Task | None
) -> Target:
    """Read the target of each row; rows without one are left out. Raises DataError."""
    rows = np.flatnonzero(~cells.missing)
    notes = []
    if left := len(file_rows) - len(rows):
        first = file_rows[np.flatnonzero(cells.missing)[0]]
        notes.append(f"{left} rows without a target, such as row {first}, are left out")
    if cells.other:
        raise DataError(f"{path}: column {name!r}, the target, has no plain values: {cells.other}")
    if not len(rows):
        raise DataError(f"{path}: column {name!r}, the target, is empty")
    if (task or _guess(cells, rows)) == "values":
        return _values(path, name, cells, rows, notes, file_rows)
    return _classes(path, name, cells, rows, notes, file_rows)


def _guess(cells: Cells, rows: np.ndarray) -> Task:
    if cells.numbers is None or cells.is_boolean:
        return "classes"
    numbers = cells.numbers[rows]
    few = cells.different <= min(MOST_NUMBERS, len(numbers) / ROWS_OF_EACH)
    return "classes" if few and bool((numbers == np.floor(numbers)).all()) else "values"


def _values(
    path: Path, name: str, cells: Cells, rows: np.ndarray, notes: list[str], file_rows: np.ndarray
) -> Target:
    if cells.numbers is None:
        text = cells.column.texts[rows[0]]
        where = f"{path}: column {name!r}, row {file_rows[rows[0]]}"
        raise DataError(f"{where}: {text!r} is no number; --task classes takes texts")
    require_finite(path, name, cells.numbers[rows], file_rows[rows])
    numbers = cells.numbers[rows].astype(np.float32)
    if len(np.unique(numbers)) == 1:
        many = f": its {cells.different} values are one in float32" * (cells.different > 1)
        raise DataError(f"{path}: column {name!r} has only one value, {numbers[0]:g}{many}")
    title, unit = split_unit(name)
    return Target(title, unit, "values", numbers, rows, [], notes)


def _classes(
    path: Path, name: str, cells: Cells, rows: np.ndarray, notes: list[str], file_rows: np.ndarray
) -> Target:
    texts = _texts(cells, rows)
    counts = texts.value_counts()
    if len(counts) == 1:
        raise DataError(
            f"{path}: column {name!r} has only one class, {counts.index[0]!r}; "
            "a model needs rows of two"
        )
    lonely = counts.index[counts < 2]
    if len(lonely) > len(counts) / 2 or len(counts) > MOST_CLASSES:
        raise DataError(
            f"{path}: column {name!r} has {len(counts)} different texts in {len(texts)} rows: "
            "these are no classes"
        )
    if len(lonely):
        few = texts.isin(lonely).to_numpy(dtype=bool)
        place = int(np.flatnonzero((texts == lonely[0]).to_numpy())[0])
        more = f", and {len(lonely) - 1} more have one row" if len(lonely) > 1 else ""
        notes.append(
            f"class {lonely[0]!r} has only row {file_rows[rows[place]]}{more}: left out, since "
            "training and test need one each"
        )
        texts, rows, counts = texts[~few], rows[~few], counts.drop(lonely)
    if len(counts) < 2:
        raise DataError(f"{path}: column {name!r} has only one class with more than one row")
    notes += about_classes({str(label): int(count) for label, count in counts.items()})
    notes += _about_rarest(counts)
    classes = sorted(map(str, counts.index), key=class_order)
    for label in classes:
        if why := _refused(label):
            raise DataError(f"{path}: column {name!r}: the class {label[:40]!r} {why}")
    places = {label: place for place, label in enumerate(classes)}
    labels = texts.map(places).to_numpy(dtype=np.int64)
    title, unit = split_unit(name)
    return Target(title, unit, "classes", labels, rows, classes, notes)


def _texts(cells: Cells, rows: np.ndarray) -> "pd.Series[str]":
    """The class of each row."""
    if cells.numbers is None or cells.is_boolean:
        return cells.texts.iloc[rows]
    # 1 and 1.0 are one class.
    of_rows = (cells.column.texts[row] or "" for row in rows)
    return pd.Series([*map(_label, cells.numbers[rows], of_rows)], dtype="str")


def _about_rarest(counts: "pd.Series[int]") -> list[str]:
    """A note if the last class is rare."""
    share = counts.iloc[-1] / counts.sum()
    if share >= RARE / len(counts):
        return []
    return [
        f"class {counts.index[-1]!r} is rare: {counts.iloc[-1]} rows, {share:.1%}; "
        "--balance makes each class count the same in training"
    ]


def _refused(label: str) -> str | None:
    """Why a model card takes no class of this name."""
    if len(label) > LONGEST_NAME:
        return f"has {len(label)} characters; at most {LONGEST_NAME} are taken"
    return None if is_shown(label) else "has a control character"


def _label(number: float, text: str) -> str:
    """The shortest text of a number: without a point, if it is whole. Of those that float64 may
    lack, it is made from the cell."""
    if abs(number) < INEXACT:
        return str(np.format_float_positional(number, trim="-"))
    exact = exact_number(text)
    return str(int(exact)) if isinstance(exact, Decimal) and exact == int(exact) else text
