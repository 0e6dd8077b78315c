"""The rows of a sheet with a cell that cannot be read."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stateserve.errors import TableError
from stateserve.tables.sheet import MOST_DETAILS, Column, Sheet


class BadRows:
    """Collects them, and says of the first ones why they are bad: of each, the first bad cell."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        # For each row its first bad cell.
        self._cells: dict[int, tuple[str, str]] = {}

    def __len__(self) -> int:
        return len(self._cells)

    def add(self, column: Column, place: int, detail: str) -> None:
        self._cells.setdefault(place, (column.name, detail))

    def details(self) -> list[str]:
        """Column, row and reason of the first bad rows."""
        return [self._error(place).detail for place in self._first()]

    def error(self) -> TableError:
        """Names the first of them; its `details` have more."""
        first, *_ = self._first()
        details = self.details()
        if len(self) > len(details):
            details.append(f"and {len(self) - len(details)} more bad rows")
        return self._error(first, details, f"; {len(self)} rows are bad" if len(self) > 1 else "")

    def others(self) -> Sheet:
        """The sheet without these rows."""
        kept = np.delete(np.arange(len(self._sheet.rows)), list(self._cells))
        columns = [_take(column, kept) for column in self._sheet.columns]
        return replace(self._sheet, columns=columns, rows=self._sheet.rows[kept])

    def _first(self) -> list[int]:
        return sorted(self._cells)[:MOST_DETAILS]

    def _error(self, place: int, details: list[str] | None = None, more: str = "") -> TableError:
        column, detail = self._cells[place]
        row = int(self._sheet.rows[place])
        return TableError(
            self._sheet.source, detail + more, column=column, row=row, details=details or ()
        )


def _take(column: Column, kept: NDArray[np.int64]) -> Column:
    if isinstance(column.cells, list):
        return replace(column, cells=[column.cells[place] for place in kept.tolist()])
    return replace(column, cells=column.cells[kept])
