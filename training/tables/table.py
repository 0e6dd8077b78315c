"""A table ready for training, and how its columns came to be."""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from stateserve.model import Feature
from training.errors import DataError
from training.tables.cells import read_cells
from training.tables.columns import Choices, Decided, decide
from training.tables.formats import read_sheet
from training.tables.target import Target, Task, read_target


@dataclass(frozen=True)
class Table:
    """`rows` float32 (rows, columns), NaN where a value is missing."""

    source: str
    features: list[Feature]
    rows: np.ndarray
    target: Target
    decided: list[Decided]
    notes: list[str]


def read_table(
    path: Path, target: str, choices: Choices | None = None, task: Task | None = None
) -> Table:
    """Read a file and decide about each of its columns. Raises DataError."""
    choices = choices or Choices()
    sheet = read_sheet(path)
    header = list(sheet.frame.columns)
    for option, names in (
        ("--target", [target]),
        ("--drop", choices.drop),
        ("--keep", choices.keep),
        ("--category", choices.category),
    ):
        for name in names:
            _require_column(path, header, name, option)
    if not len(sheet.frame):
        raise DataError(f"{path}: no rows below the header")
    comma = sheet.separator == ";"
    cells = [
        read_cells(sheet.frame.iloc[:, place], decimal_comma=comma) for place in range(len(header))
    ]
    place = header.index(target)
    found = read_target(path, target, cells[place], sheet.rows, task)
    decided = [
        decide(path, name, cells[index], sheet.rows, choices)
        for index, name in enumerate(header)
        if index != place
    ]
    kept = [each.column for each in decided if each.column is not None]
    if not kept:
        reasons = "; ".join(f"{each.name} is {each.decision}" for each in decided[:5])
        raise DataError(f"{path}: no column is left beside {target!r}: {reasons or 'it is alone'}")
    _require_names(path, [each.feature.name for each in kept])
    rows = np.stack([each.numbers for each in kept], axis=1)[found.rows]
    notes = [*sheet.notes, *found.notes]
    notes += [f"column {each.name!r}: {note}" for each in decided for note in each.notes]
    features = [each.feature for each in kept]
    return Table(path.name, features, rows, found, decided, notes)


def _require_column(path: Path, header: list[str], name: str, option: str) -> None:
    if name in header:
        return
    near = get_close_matches(name, header, 1, 0.7)
    hint = f"; {near[0]!r} is near" if near else ""
    listed = ", ".join(header[:30]) + (f" and {len(header) - 30} more" if header[30:] else "")
    raise DataError(f"{path}: {option}: no column {name!r}{hint}; the columns are {listed}")


def _require_names(path: Path, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{path}: two columns are {name!r} but for their unit")
