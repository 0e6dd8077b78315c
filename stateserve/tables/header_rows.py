"""The names of columns in more rows than one: units, questions, or the lower names of pandas and of
merged cells."""

import re
from collections.abc import Sequence

from stateserve.model import split_unit
from stateserve.tables.numbers import MISSING_NUMBERS, NUMBERS, read_numbers
from stateserve.tables.rows import is_drawn
from stateserve.tables.sheet import clean

# So many rows below the first may belong to the header; so many below them show the columns.
MOST_ROWS, SAMPLE_ROWS = 3, 50
LEAST_NUMBERS = 3
LONGEST_UNIT = 12
# What pandas calls an empty cell of a header with two rows.
UNNAMED = re.compile(r"Unnamed: \d+_level_\d+")
# Qualtrics writes the questions below the header, and then such a row.
IMPORT_ID = '{"ImportId"'
Texts = Sequence[str]


def join_header(head: Texts, below: Sequence[Texts]) -> tuple[list[str], int]:
    """The names of the columns, and how many of the rows `below` the first row of the header
    belong to it: those with texts above numbers."""
    rows = [[each.strip() for each in row] for row in (head, *below[: MOST_ROWS + SAMPLE_ROWS])]
    width = len(head)
    rows = [[*row, *[""] * (width - len(row))][:width] for row in rows]
    header = [rows[0]]
    if len(rows) > 2 and rows[2][0].startswith(IMPORT_ID):
        header = rows[:3]
    while len(header) <= MOST_ROWS and _is_of_header(header, rows[len(header) :]):
        header.append(rows[len(header)])
    if len(header) == 1:
        return list(head), 0
    return _joined([[_plain(cell) for cell in row] for row in header]), len(header) - 1


def about_rows(more: int, last: int) -> str:
    """A note about a header with so many rows below its first one; the last of them is `last`."""
    return f"the header has {more + 1} rows, the last of which is row {last}"


def _plain(cell: str) -> str:
    return "" if UNNAMED.fullmatch(cell) else cell


def _is_of_header(above: Sequence[Texts], rows: Sequence[Texts]) -> bool:
    """Whether the first of `rows` has names: texts above numbers, or below empty cells only."""
    if len(rows) <= LEAST_NUMBERS or not any(rows[0]) or is_drawn(rows[0]):
        return False
    row, columns = rows[0], list(zip(*rows[1:], strict=True))
    filled = [place for place, cell in enumerate(row) if cell]
    if any(row[place] in columns[place] or not _is_name(row[place]) for place in filled):
        return False
    # More rows of the header may follow.
    start = MOST_ROWS - 1 if len(rows) >= MOST_ROWS + LEAST_NUMBERS else 0
    numbers = [place for place, column in enumerate(columns) if _are_numbers(column[start:])]
    named = [row[place] for place in numbers if row[place]]
    if len(named) == len(filled):
        return bool(named)
    # Words of a first row of data may stand above numbers, too: a person who was absent.
    if len(set(named)) > 1:
        return True
    return bool(numbers) and not any(each[place] for each in above for place in filled)


def _is_name(cell: str) -> bool:
    missing = cell.lower() in MISSING_NUMBERS or clean([cell]) == [None]
    # A coordinate may be called x.
    return cell == "x" or not (missing or _are_numbers([cell], 1))


def _are_numbers(cells: Sequence[str], least: int = LEAST_NUMBERS) -> bool:
    known = [cell for cell in clean(cells) if cell and cell.lower() not in MISSING_NUMBERS]
    if len(known) < least:
        return False
    values = read_numbers(known).values
    return bool((values == values).mean() >= NUMBERS)


def _joined(header: Sequence[Texts]) -> list[str]:
    """One name for each column. A second row of units gives each its unit; one of other texts
    below whole, different names is left out; else a name is the texts of all rows."""
    top, *others = header
    lower = [[row[place] for row in others if row[place]] for place in range(len(top))]
    filled = list(top)
    for place in range(1, len(top)):
        # Of merged cells, the first has the text, and each has one below.
        if not top[place] and lower[place] and lower[place - 1]:
            filled[place] = filled[place - 1]
    whole = all(name for name, texts in zip(top, lower, strict=True) if texts)
    if not whole or len(set(filled)) < len(filled):
        return [
            " ".join(filter(None, [name, *texts]))
            for name, texts in zip(filled, lower, strict=True)
        ]
    units = len(others) == 1 and all(len(text) <= LONGEST_UNIT for texts in lower for text in texts)
    if not units:
        return filled
    return [
        f"{name} ({texts[0].strip('()[]')})" if texts and split_unit(name)[1] is None else name
        for name, texts in zip(filled, lower, strict=True)
    ]
