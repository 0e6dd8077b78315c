"""A table ready for training, and how its columns came to be."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stateserve.errors import TableError
from stateserve.model import Feature, split_unit
from stateserve.tables import ClassDtype, Sheet, class_dtype, read_sheet
from stateserve.text import listed
from training.errors import DataError
from training.header import MOST_LISTED, column_of
from training.tables.cells import read_cells
from training.tables.columns import Choices, Decided, decide
from training.tables.copies import group_copies
from training.tables.groups import group_rows
from training.tables.leaks import about_leaks
from training.tables.target import Target, Task, read_target

# Without --target, a column of such a name is proposed; else the last one.
TARGETS = re.compile(r"y|target|class|label|outcome|response|species|category|price", re.I)


@dataclass(frozen=True)
class Table:
    """`rows` float32 (rows, columns), NaN where a value is missing; `lines` int64 (rows,) are the
    rows in the file; the rows of a number in `groups` int64 (rows,) stay in one part of the rows:
    copies of a row, or those with the same value in the column `group`; `class_dtype` is the dtype
    of the target if it is of classes and no text."""

    source: str
    features: list[Feature]
    rows: np.ndarray
    lines: np.ndarray
    groups: np.ndarray
    target: Target
    decided: list[Decided]
    notes: list[str]
    class_dtype: ClassDtype | None
    group: str | None = None


def read_table(
    path: Path, target: str, choices: Choices | None = None, task: Task | None = None
) -> Table:
    """Read a file and decide about each of its columns. Raises DataError."""
    choices = choices or Choices()
    sheet = _sheet(path)
    target, choices = _named(path, sheet.header, target, choices)
    if not len(sheet.rows):
        raise DataError(f"{path}: no rows below the header")
    place = sheet.header.index(target)
    cells = read_cells(sheet.columns[place], sheet.mark, codes=task != "values")
    found = read_target(path, target, cells, sheet.rows, task)
    decided = [
        decide(path, column.name, read_cells(column, sheet.mark), sheet.rows, choices)
        for index, column in enumerate(sheet.columns)
        if index != place
    ]
    kept = [each.column for each in decided if each.column is not None]
    if not kept:
        reasons = "; ".join(f"{each.name} is {each.decision}" for each in decided[:5])
        raise DataError(f"{path}: no column is left beside {target!r}: {reasons or 'it is alone'}")
    _require_names(path, [each.feature.name for each in kept])
    rows = np.stack([each.numbers for each in kept], axis=1)[found.rows]
    if choices.group is None:
        groups, copies = group_copies(rows, found.values)
    else:
        groups, copies = _groups(path, sheet, choices.group, found.rows)
    notes = [*sheet.notes, *found.notes, *([copies] if copies else [])]
    notes += [f"column {each.name!r}: {note}" for each in decided for note in each.notes]
    named = [(each.name, each.column) for each in decided if each.column is not None]
    notes += about_leaks(named, rows, found.values, classify=found.task == "classes")
    features = [each.feature for each in kept]
    lines = sheet.rows[found.rows]
    # In a format with types, texts of digits are texts.
    texts = sheet.separator is None and sheet.columns[place].kind == "text"
    dtype = class_dtype(found.classes) if found.classes and not texts else None
    return Table(
        path.name, features, rows, lines, groups, found, decided, notes, dtype, choices.group
    )


def _groups(path: Path, sheet: Sheet, name: str, rows: np.ndarray) -> tuple[np.ndarray, str]:
    """The groups of the chosen rows, numbered from 0, and what is said of them."""
    cells = read_cells(sheet.columns[sheet.header.index(name)], sheet.mark)
    groups = group_rows(path, name, cells, rows)
    count = len(np.unique(groups))
    return groups, f"the rows of each of the {count} groups of {name!r} are in one part"


def missing_target(path: Path) -> DataError:
    """Says which columns a file has, and which one may be the target. Raises DataError."""
    names = [name for name in _sheet(path).header if name]
    likely = [name for name in names if TARGETS.fullmatch(split_unit(name)[0])]
    chosen = shlex.quote((likely or names or ["COLUMN"])[-1])
    return DataError(
        f"{path}: which column shall be predicted? Perhaps --target {chosen}; "
        f"the columns are {listed(names, MOST_LISTED)}"
    )


def _sheet(path: Path) -> Sheet:
    try:
        return read_sheet(path)
    except TableError as error:
        raise DataError(str(error)) from None


def _named(path: Path, header: list[str], target: str, choices: Choices) -> tuple[str, Choices]:
    """The target and the choices by their names in the header. Raises DataError for a name that
    it lacks, and for a target that is no target."""
    target = column_of(path, header, target, "--target")
    drop, keep, category = (
        [column_of(path, header, name, f"--{option}") for name in getattr(choices, option)]
        for option in ("drop", "keep", "category")
    )
    group = None if choices.group is None else column_of(path, header, choices.group, "--group")
    for option, given in (("--drop", drop), ("--group", [group])):
        if target in given:
            raise DataError(f"{path}: {option}: {target!r} is the target")
    return target, Choices(drop, keep, category, group)


def _require_names(path: Path, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{path}: two columns are {name!r} but for their unit")
