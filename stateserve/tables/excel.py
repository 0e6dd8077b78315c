"""Workbooks of Excel as columns: the first sheet with cells; needs openpyxl."""

import datetime
import io
import zipfile
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from stateserve.errors import TableError
from stateserve.tables.binary import name_zip
from stateserve.tables.content import MAX_BYTES
from stateserve.tables.footers import drop_footers
from stateserve.tables.header_rows import MOST_ROWS, SAMPLE_ROWS, about_rows, join_header
from stateserve.tables.numbers import INEXACT
from stateserve.tables.sheet import MAX_COLUMNS, Column, Sheet, clean, names_of, require_cells
from stateserve.text import shortest

if TYPE_CHECKING:
    from openpyxl import Workbook

DATES = (datetime.date, datetime.time, datetime.timedelta)
# A header stands below at most so many rows of titles.
TITLES = 50
# Of all parts of a workbook together, unpacked.
MAX_UNPACKED = MAX_BYTES // 2


def read_excel(source: str, content: bytes) -> Sheet:
    """Read a workbook. Raises TableError."""
    try:
        import openpyxl
    except ModuleNotFoundError:
        raise TableError(source, "this format needs openpyxl: pip install openpyxl") from None
    try:
        _require_small(source, content)
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        return _read(source, book)
    except (TableError, MemoryError):
        raise
    # openpyxl has no error of its own for a part of a workbook that is wrong.
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise TableError(source, f"no whole .xlsx file: {reason[:200]}") from None


def _require_small(source: str, content: bytes) -> None:
    """A zip file of a few kilobytes may unpack to gigabytes; it says so itself."""
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        size = sum(part.file_size for part in parts.infolist())
        names = parts.namelist()
    if not any(name.startswith("xl/") for name in names):
        raise TableError(source, name_zip(names))
    if size > MAX_UNPACKED:
        raise TableError(source, f"unpacks to {size >> 20} MiB; at most {MAX_UNPACKED >> 20}")


def _read(source: str, book: "Workbook") -> Sheet:
    notes = []
    for sheet in book.worksheets:
        # The size that a workbook states may be wrong.
        sheet.reset_dimensions()
        rows = _rows(source, sheet.iter_rows(values_only=True))
        # A sheet with a title alone is before the one with the table.
        if len(rows) > 1 or (rows and len(book.worksheets) == 1):
            break
    else:
        raise TableError(source, "no sheet of the workbook has a row below a header")
    if len(book.worksheets) > 1:
        notes.append(f"sheet {sheet.title!r} of {len(book.worksheets)} is read")
    place = _header(rows)
    if place:
        notes.append(f"rows 1 to {rows[place][0] - 1} are above the header, and skipped")
    head = rows[place][1]
    first = next(index for index, cell in enumerate(head) if cell is not None)
    first = min([first, *(_first(cells) for _, cells in rows[place + 1 :])])
    width = max(len(cells) for _, cells in rows[place:])
    require_cells(source, width - first, len(rows))
    names = [_text(cell) for cell in [*head, *[None] * (width - len(head))]]
    sample = rows[place + 1 : place + 1 + MOST_ROWS + SAMPLE_ROWS]
    names, more = join_header(names, [[_text(cell) for cell in cells] for _, cells in sample])
    if more:
        notes.append(about_rows(more, rows[place + more][0]))
    header = names_of(source, names[first:], rows[place][0])
    below = rows[place + more + 1 :]
    cells: list[list[object]] = [[] for _ in header]
    for _, row in below:
        for column, cell in zip(cells, [*row, *[None] * (width - len(row))][first:], strict=True):
            column.append(cell)
    numbers = np.array([row for row, _ in below], np.int64)
    numbers = drop_footers(cells, numbers, notes, _texts)
    # A footer may stand beside the table.
    columns = [
        _column(name, column)
        for name, column in zip(header, cells, strict=True)
        if name or any(cell is not None for cell in column)
    ]
    return Sheet(source, columns, numbers, notes)


def _rows(source: str, found: Iterator[tuple[object, ...]]) -> list[tuple[int, list[object]]]:
    """The rows with a cell, without their empty ends, and their numbers."""
    rows: list[tuple[int, list[object]]] = []
    count = 0
    for number, row in enumerate(islice(found, 2**20), 1):
        cells = list(row)
        while cells and not _text(cells[-1]).strip():
            cells.pop()
        if cells:
            rows.append((number, cells))
            count += len(cells)
            require_cells(source, 1, count)
            if len(cells) > MAX_COLUMNS:
                require_cells(source, len(cells), 1)
    return rows


def _header(rows: list[tuple[int, list[object]]]) -> int:
    """The place of the header: the first row, but for titles of one cell above a wide table."""
    filled = [sum(cell is not None for cell in cells) for _, cells in rows[:TITLES]]
    wide = max(filled) > 2
    return next(place for place, count in enumerate(filled) if count > 1 or not wide)


def _first(cells: list[object]) -> int:
    return next((index for index, cell in enumerate(cells) if cell is not None), len(cells))


def _column(name: str, values: Sequence[object]) -> Column:
    known = [value for value in values if value is not None and value != ""]
    kinds = set(map(type, known))
    if known and kinds <= {bool}:
        return Column(name, _floats(values), "boolean")
    if known and kinds <= {int, float}:
        if any(type(value) is int and abs(value) >= INEXACT for value in known):
            return Column(name, _texts(values), "number")
        return Column(name, _floats(values), "number")
    if known and all(isinstance(value, DATES) for value in known):
        return Column(name, [None if each is None else str(each) for each in values], "date")
    return Column(name, _texts(values))


def _floats(values: Sequence[Any]) -> np.ndarray:
    numbers = [np.nan if value is None or value == "" else float(value) for value in values]
    return np.array(numbers, np.float64)


def _texts(values: Sequence[object]) -> list[str | None]:
    return clean([_text(value) for value in values])


def _text(value: object) -> str:
    if value is None:
        return ""
    return shortest(value) if isinstance(value, float) else str(value)
