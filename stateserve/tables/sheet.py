"""A table as columns of cells."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stateserve.errors import TableError
from stateserve.model import MISSING_CELLS
from stateserve.tables.numbers import Mark, Numbers, decimal_mark, read_numbers
from stateserve.text import shortest

MAX_COLUMNS = 20_000
# Of so many bad rows it is said what is wrong.
MOST_DETAILS = 20
# With their texts, about 2 GiB of memory.
MAX_CELLS = 2**25
# At the ends of a name: zero-width spaces, and the byte order mark of a joined file.
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff \t\r\n"
SEPARATORS = re.compile(r"[\W_]+")
# In every case of letters, so that no cell is changed to be looked up.
MISSING = frozenset(
    "".join(letters)
    for text in MISSING_CELLS
    for letters in product(*({each, each.upper()} for each in text))
)
Kind = Literal["text", "number", "boolean", "date", "other"]


@dataclass(frozen=True)
class Column:
    """`cells` are texts without spaces around, None where missing; of a format with types, a
    column of numbers or booleans is float64 (rows,), NaN where missing; whole numbers that float64
    lacks are texts of the kind `number`.

    The kind `other` is of values that are neither, such as lists. `is_index` is true of a named
    index of a data frame.
    """

    name: str
    cells: list[str | None] | NDArray[np.float64]
    kind: Kind = "text"
    is_index: bool = False

    @cached_property
    def texts(self) -> list[str | None]:
        """The cells as text: 3 for 3.0, True for the boolean 1."""
        if isinstance(self.cells, list):
            return self.cells
        if self.kind == "boolean":
            return [None if np.isnan(each) else str(each != 0) for each in self.cells.tolist()]
        return [None if np.isnan(each) else shortest(each) for each in self.cells.tolist()]

    def numbers(self, mark: Mark | None) -> Numbers:
        """The cells as numbers; `mark` is the decimal mark of the file."""
        if isinstance(self.cells, list):
            return read_numbers(self.cells, mark)
        return Numbers(self.cells)


@dataclass(frozen=True)
class Sheet:
    """`rows` int64 (rows,) has the row of each in the file, whose first is 1. `separator` is that
    of delimited text. `source` names the file in errors. `bad` says of the first rows that were
    left out why they were, and `left_out` how many there are."""

    source: str
    columns: list[Column]
    rows: NDArray[np.int64]
    notes: list[str] = field(default_factory=list)
    separator: str | None = None
    bad: list[str] = field(default_factory=list)
    left_out: int = 0

    @property
    def header(self) -> list[str]:
        return [column.name for column in self.columns]

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """The places of the columns by name."""
        return self._by(str)

    @cached_property
    def loose_places(self) -> dict[str, list[int]]:
        """The places of the columns by loose name."""
        return self._by(loose)

    def _by(self, key: Callable[[str], str]) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for place, name in enumerate(self.header):
            found.setdefault(key(name), []).append(place)
        return found

    @cached_property
    def mark(self) -> Mark | None:
        """The decimal mark of the file."""
        texts = [column.cells for column in self.columns if isinstance(column.cells, list)]
        return decimal_mark(texts, self.separator)


def loose(name: str) -> str:
    """The letters and digits of a name, in one case: `PetalLengthCm` and `petal_length (cm)` are
    one name."""
    return SEPARATORS.sub("", name).lower()


def about_other_texts(count: int, text: str, row: int) -> str:
    """A note about `count` texts in a column of numbers, the first of which is in `row`."""
    if count == 1:
        return f"the cell {text[:40]!r} (row {row}) is no number, and counts as missing"
    return f"{count} cells such as {text[:40]!r} (row {row}) are no numbers, and count as missing"


def clean(cells: Sequence[str]) -> list[str | None]:
    """Cells without spaces around; None where missing."""
    return [None if text in MISSING else text for text in map(str.strip, cells)]


def names_of(source: str, cells: Sequence[str], row: int | None = None) -> list[str]:
    """The names of columns; line breaks in them become spaces. Raises TableError."""
    header = [" ".join(cell.strip(INVISIBLE).split()) for cell in cells]
    if len(header) > MAX_COLUMNS:
        raise TableError(source, f"{len(header)} columns; at most {MAX_COLUMNS} are read")
    seen: set[str] = set()
    for name in filter(None, header):
        if name in seen:
            detail = "stands twice in the header"
            raise TableError(source, f"column {name[:200]!r} {detail}", row=row)
        seen.add(name)
    return header


def require_cells(source: str, columns: int, rows: int, most: int = MAX_CELLS) -> None:
    """Raise TableError for a table that would take too much memory."""
    if columns > MAX_COLUMNS:
        raise TableError(source, f"{columns} columns; at most {MAX_COLUMNS} are read")
    if columns * rows > most:
        what = f"more than {most} cells in rows of {columns}; take a part of the table"
        raise TableError(source, what)
