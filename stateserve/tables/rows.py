"""The rows of delimited text, in pieces: most steps are single calls for many
cells."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stateserve.errors import TableError
from stateserve.tables.content import MAX_ROW
from stateserve.tables.footers import drop_footers
from stateserve.tables.sheet import MOST_DETAILS, clean, require_cells

# Of characters; larger pieces leave the cache of the processor, and take twice the time.
PIECE = 2**16
# Lines that database programs and Markdown draw below a header, and around a table.
DRAWN = re.compile(r"[\s|+:=-]+")
FOOTER_CELLS = 1


class Record(NamedTuple):
    row: int
    cells: list[str]


@dataclass(frozen=True)
class Rows:
    """Rows that are not blank, and their numbers in the file, int64 (rows,), from 1."""

    cells: list[list[str]]
    numbers: NDArray[np.int64]

    def records(self) -> Iterator[Record]:
        return map(Record, self.numbers.tolist(), self.cells)

    def below(self, row: int) -> "Rows":
        """The rows with a larger number."""
        start = int(np.searchsorted(self.numbers, row, "right"))
        return Rows(self.cells[start:], self.numbers[start:])


def read_rows(source: str, text: str, separator: str, above: int) -> Iterator[Rows]:
    """All rows; `above` is the number of those above the text. Raises TableError."""
    lines = 0
    quoted = '"' in text

    def pieces() -> Iterator[io.StringIO]:
        nonlocal lines, above
        for piece in _pieces(source, text, above):
            lines = piece.count("\n")
            if quoted or not piece.isspace():
                yield io.StringIO(piece)
            else:
                above += lines

    reader = csv.reader(
        chain.from_iterable(pieces()), delimiter=separator, skipinitialspace=True, strict=True
    )
    while True:
        found: list[list[str]] = []
        try:
            # The first row opens the piece, which says how many more there are.
            found.extend(islice(reader, 1))
            found.extend(islice(reader, max(0, lines - 1)))
        except csv.Error as error:
            what = "a quote is not closed" if "unexpected end" in str(error) else str(error)
            raise TableError(source, what, row=above + len(found) + 1) from None
        if not found:
            return
        kept = [place for place, cells in enumerate(found) if any(cells)]
        yield Rows([found[place] for place in kept], np.array(kept, np.int64) + above + 1)
        above += len(found)


def _pieces(source: str, text: str, above: int) -> Iterator[str]:
    """Whole lines, with their ends. Raises TableError."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + PIECE) + 1 or len(text)
        if end - start > PIECE + MAX_ROW:
            row = above + text.count("\n", 0, start + PIECE) + 1
            raise TableError(source, f"more than {MAX_ROW >> 20} MiB without a line break", row=row)
        yield text[start:end]
        start = end


def is_drawn(cells: Sequence[str]) -> bool:
    text = "".join(cells)
    return "---" in text and DRAWN.fullmatch(text) is not None


def filled(cells: Sequence[str]) -> int:
    """The number of cells with a text."""
    return sum(map(bool, map(str.strip, cells)))


class Body:
    """The rows below the header. Rows without cells are left out, and so are footers."""

    def __init__(
        self,
        source: str,
        width: int,
        separator: str,
        notes: list[str],
        most_cells: int,
        skip_bad_rows: bool,
    ) -> None:
        self._source, self._width, self._notes = source, width, notes
        self._most_cells = most_cells
        self._columns: list[list[str | None]] = [[] for _ in range(width)]
        self._drawn = separator in "| "
        # Perhaps a footer: if another row follows, it is not.
        self._short: list[Record] = []
        self._skip = skip_bad_rows
        # Why the first of the rows with too many or too few cells are left out, and their number.
        self.bad: list[str] = []
        self.left_out = 0

    def read(
        self, parts: Iterable[Rows], header: int
    ) -> tuple[list[list[str | None]], NDArray[np.int64]]:
        """The cells of each column below the row `header`, and the numbers of the rows."""
        found, count = [np.empty(0, np.int64)], 0
        for part in parts:
            rows = self._whole(part.below(header))
            count += len(rows.cells)
            require_cells(self._source, self._width, count, self._most_cells)
            # The rows may all be blank.
            for column, added in zip(self._columns, zip(*rows.cells, strict=True), strict=False):
                column.extend(clean(added))
            found.append(rows.numbers)
        numbers = drop_footers(self._columns, np.concatenate(found), self._notes, list)
        for row, cells in self._short:
            text = next(filter(None, map(str.strip, cells)))
            self._notes.append(f"row {row}, {text[:60]!r}, is a footer, and dropped")
        return self._columns, numbers

    def _whole(self, rows: Rows) -> Rows:
        """The rows with all cells. Raises TableError."""
        cells = rows.cells
        plain = not (self._short or self._drawn) and set(map(len, cells)) <= {self._width}
        if plain and all(each[0].strip() for each in cells):
            return rows
        whole = [self._cells(record) for record in rows.records()]
        kept = [each for each in whole if each is not None]
        return Rows(kept, rows.numbers[[each is not None for each in whole]])

    def _cells(self, record: Record) -> list[str] | None:
        """The cells of a row; None for one that is left out. Raises TableError."""
        cells = record.cells
        if len(cells) > self._width and not any(map(str.strip, cells[self._width :])):
            # A separator at the end of each row.
            cells = cells[: self._width]
        if not any(map(str.strip, cells)) or (self._drawn and is_drawn(cells)):
            return None
        if len(cells) < self._width and filled(cells) <= FOOTER_CELLS:
            self._short.append(record)
            return None
        # Another row follows: these are no footers.
        wrong, self._short = self._short, []
        if len(cells) != self._width:
            wrong.append(record)
        for each in wrong:
            self._leave_out(each)
        return cells if len(cells) == self._width else None

    def _leave_out(self, record: Record) -> None:
        found = f"{len(record.cells)} cells for {self._width} columns"
        error = TableError(self._source, found, row=record.row)
        if not self._skip:
            raise error
        self.left_out += 1
        if len(self.bad) < MOST_DETAILS:
            self.bad.append(error.detail)
