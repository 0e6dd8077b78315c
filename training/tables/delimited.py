"""Delimited text as columns of text: separator, header, ragged rows and footers."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from training.errors import DataError

SEPARATORS = ",;\t|"
SAMPLE_ROWS = 200
MAX_COLUMNS = 20_000
MAX_ROW = 2**22


@dataclass(frozen=True)
class Sheet:
    """A data frame; `rows` int64 (rows,) has the row of each in the file, the first being 1.

    `separator` is that of a delimited text.
    """

    frame: pd.DataFrame
    rows: np.ndarray
    notes: list[str]
    separator: str | None = None


def read_delimited(path: Path, text: str) -> Sheet:
    """The cells as text, NaN where a row is too short. Raises DataError, which names the row."""
    if not text.strip():
        raise DataError(f"{path}: the file is empty")
    _require_short_rows(path, text)
    separator = _separator(text)
    first = list(islice(_records(path, text, separator), SAMPLE_ROWS))
    header, place = _header(path, first)
    notes = [] if separator == "," else [f"the separator is {_named(separator)}"]
    if place:
        notes.append(f"rows 1 to {place} are above the header, and skipped")
    body = islice(_records(path, text, separator), place + 1, None)
    if all(len(cells) == len(header) and any(cells) for cells in body):
        # As text, since pandas would guess other types; and it would rename repeated columns.
        frame = pd.read_csv(
            io.StringIO(text),
            sep=separator,
            header=None,
            names=range(len(header)),
            skiprows=_physical_lines(text, separator, place + 1),
            dtype=str,
            keep_default_na=False,
            index_col=False,
        )
        rows = np.arange(len(frame), dtype=np.int64) + place + 2
        return Sheet(frame.set_axis(header, axis="columns"), rows, notes, separator)
    return _read_ragged(path, text, separator, header, place, notes)


def _require_short_rows(path: Path, text: str) -> None:
    end = text.find("\n")
    if (len(text) if end < 0 else end) > MAX_ROW:
        raise DataError(f"{path}: row 1 has more than {MAX_ROW >> 20} MiB")


def _separator(text: str) -> str:
    """The separator that divides most rows into the same number of cells, more than one."""
    sample = text[: 2**18]
    lines = sample.splitlines()[:SAMPLE_ROWS]
    if len(sample) < len(text) and len(lines) > 1:
        lines = lines[:-1]

    def score(separator: str) -> tuple[int, int]:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=separator) if row)
        width, rows = max(widths.items(), key=lambda item: (item[0] > 1, item[1], item[0]))
        return (rows, width) if width > 1 else (0, 0)

    return max(SEPARATORS, key=score)


def _records(path: Path, text: str, separator: str) -> Iterator[list[str]]:
    """The rows that are not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    row = 0
    csv.field_size_limit(MAX_ROW)
    try:
        for cells in filter(None, reader):
            row += 1
            yield cells
    except csv.Error as error:
        raise DataError(f"{path}: row {row + 1}: {error}") from None


def _header(path: Path, first: list[list[str]]) -> tuple[list[str], int]:
    """The header and its place: the first row as wide as most rows."""
    widths = Counter(map(len, first))
    width = max(widths, key=lambda each: (widths[each], each))
    if len(first[0]) > 1 and len(first[0]) + 1 == width:
        # R writes no name for the column of row names.
        return _names(path, ["", *first[0]]), 0
    place = next(place for place, cells in enumerate(first) if len(cells) >= width)
    above = first[:place]
    if any(len(cells) > 1 and all(map(str.strip, cells)) for cells in above):
        raise DataError(
            f"{path}: row 1, the header, has {len(first[0])} cells; row {place + 1} has {width}"
        )
    return _names(path, first[place]), place


def _names(path: Path, cells: list[str]) -> list[str]:
    header = [cell.strip() for cell in cells]
    if len(header) > MAX_COLUMNS:
        raise DataError(f"{path}: {len(header)} columns; at most {MAX_COLUMNS} are read")
    if repeated := [name for name, count in Counter(header).items() if count > 1 and name]:
        raise DataError(f"{path}: column {repeated[0]!r} stands twice in the header")
    return header


def _physical_lines(text: str, separator: str, records: int) -> int:
    """The number of lines of the first records: cells in quotes may have line breaks."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    seen = 0
    while seen < records:
        seen += bool(next(reader))
    return reader.line_num


def _read_ragged(
    path: Path, text: str, separator: str, header: list[str], place: int, notes: list[str]
) -> Sheet:
    """Rows without cells are left out, and so are footers; other short or long rows are errors."""
    width = len(header)
    numbered = [
        (place + 2 + index, _without_empty_end(cells, width))
        for index, cells in enumerate(islice(_records(path, text, separator), place + 1, None))
        if any(map(str.strip, cells))
    ]
    while numbered and len(numbered[-1][1]) != width and len(numbered[-1][1]) < 2:
        row, cells = numbered.pop()
        notes.append(f"row {row}, {cells[0][:60]!r}, is a footer, and dropped")
    for row, cells in numbered:
        if len(cells) != width:
            raise DataError(f"{path}: row {row}: {len(cells)} cells for {width} columns")
    frame = pd.DataFrame([cells for _, cells in numbered], columns=header, dtype=str)
    return Sheet(frame, np.array([row for row, _ in numbered], np.int64), notes, separator)


def _without_empty_end(cells: list[str], width: int) -> list[str]:
    """Without empty cells after the last column: a separator at the end of each row."""
    return cells[:width] if not any(map(str.strip, cells[width:])) else cells


def _named(separator: str) -> str:
    return "a tab" if separator == "\t" else repr(separator)
