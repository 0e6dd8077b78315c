"""Footers: the last rows of a table that are no data, such as a total, or the source."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stateserve.tables.numbers import read_numbers

Cell = TypeVar("Cell")
Texts = list[str | None]
TOTAL = re.compile(
    r"((grand|sub)[ -]?)?totale?s?|sums?|summen?|gesamt(summe|ergebnis|wert)?|insgesamt|somme|suma"
    r"|mittelwert|durchschnitt|mean|average|moyenne|media|promedio|итого|合計|総計|平均",
    re.IGNORECASE,
)
# The cells of the first rows say how many cells a row has.
FIRST_ROWS = 20
# Of a column that is the sum of so many numbers, the last is no other number by chance.
MANY_NUMBERS = 5
LEAST_ROWS = 3


def drop_footers(
    columns: Sequence[list[Cell]],
    numbers: NDArray[np.int64],
    notes: list[str],
    read: Callable[[Sequence[Cell]], Texts],
) -> NDArray[np.int64]:
    """Take the footers off the columns; the `numbers` of the rows that are left.

    `read` gives the texts of cells, None where missing. A footer is a text alone in its row, or a
    total: its first cell says so, or its numbers are the sums of their columns.
    """
    found: list[str] = []
    while len(numbers) >= LEAST_ROWS and len(columns) > 1:
        last = read([column[-1] for column in columns])
        if not (_is_alone(columns, numbers, last, read) or _is_total(columns, last, read)):
            break
        text = next(filter(None, last))
        found.append(f"row {numbers[-1]}, {text[:60]!r}, is a footer, and dropped")
        numbers = numbers[:-1]
        for column in columns:
            column.pop()
    notes.extend(reversed(found))
    return numbers


def _is_alone(
    columns: Sequence[list[Cell]],
    numbers: NDArray[np.int64],
    last: Texts,
    read: Callable[[Sequence[Cell]], Texts],
) -> bool:
    """Whether the row has one text only, in the first column: words, or below a blank row."""
    first = last[0]
    if not first or any(last[1:]) or len(columns) < 3 or _is_number(first):
        return False
    if not (" " in first or numbers[-1] > numbers[-2] + 1):
        return False
    filled = sum(any(read(column[:FIRST_ROWS])) for column in columns)
    return filled > 1 and columns[0][-1] not in columns[0][:-1]


def _is_total(
    columns: Sequence[list[Cell]], last: Texts, read: Callable[[Sequence[Cell]], Texts]
) -> bool:
    """Whether the first text names a total, or none does, and the others are fitting numbers."""
    known = [place for place, text in enumerate(last) if text]
    if not known:
        return False
    label = (last[known[0]] or "").rstrip(" :.")
    # Most last rows are whole, and end here: to read each cell as a number takes long.
    if not TOTAL.match(label) and len(known) == len(last):
        return False
    words = [place for place in known if not _is_number(last[place] or "")]
    if words not in ([], known[:1]):
        return False
    values = [place for place in known if place not in words]
    if not words:
        return len(known) < len(last) and _are_sums([columns[place] for place in values], read)
    column = columns[words[0]]
    if not TOTAL.match(label):
        return False
    alone = len(known) < len(last) and column[-1] not in column[:-1]
    if alone and TOTAL.fullmatch(label):
        return True
    above = [columns[place] for place in values]
    return _are_sums(above, read, least=2) or _are_means(above, read)


def _is_number(text: str) -> bool:
    return not np.isnan(read_numbers([text]).values[0])


def _are_sums(
    columns: Sequence[list[Cell]],
    read: Callable[[Sequence[Cell]], Texts],
    least: int = MANY_NUMBERS,
) -> bool:
    """Whether each last number is the sum of those above, and one of `least` that are not 0."""
    numbers = [read_numbers(read(column)).values for column in columns]
    many = any(np.count_nonzero(np.nan_to_num(each[:-1])) >= least for each in numbers)
    return many and all(np.isclose(each[-1], np.nansum(each[:-1]), 1e-6) for each in numbers)


def _are_means(columns: Sequence[list[Cell]], read: Callable[[Sequence[Cell]], Texts]) -> bool:
    numbers = [read_numbers(read(column)).values for column in columns]
    known = bool(numbers) and all(np.isfinite(each[:-1]).any() for each in numbers)
    return known and all(np.isclose(each[-1], np.nanmean(each[:-1]), 1e-3) for each in numbers)
