"""The output of commands: tables for people, JSON for programs."""

import json
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from stateserve.errors import StateserveError
from stateserve.text import four_digits, printable, printable_json, shortest, shortest_float32

if TYPE_CHECKING:
    from rich.table import Table

# rich takes a millisecond for each row; longer tables are printed without it, and are not folded.
MOST_FOLDED_ROWS = 500
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def table(name: str, *columns: str) -> "Table":
    """An empty table without lines, whose first column is never truncated."""
    # Imported where a table is made, as rich takes a fifth of the start.
    from rich.table import Column, Table

    return Table(Column(name, overflow="fold"), *columns, box=None, pad_edge=False)


def flush_output() -> None:
    """Raises OSError if the results cannot be written."""
    try:
        sys.stdout.flush()
    except OSError:
        # They are still in the buffer, and Python would write them again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def print_table(rows: "Table") -> None:
    from stateserve.console import PlainConsole

    if rows.row_count > MOST_FOLDED_ROWS:
        _print_unfolded(rows)
        return
    # In a pipe, lines are not folded, so that grep finds whole names.
    PlainConsole(width=None if sys.stdout.isatty() else 1000).print(rows)


def _print_unfolded(rows: "Table") -> None:
    from rich.cells import cell_len

    columns = [
        [printable(str(cell)) for cell in (column.header, *column.cells)] for column in rows.columns
    ]
    widths = [max(map(cell_len, cells)) for cells in columns]
    for line in zip(*columns, strict=True):
        padded = (c + " " * (width - cell_len(c)) for c, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip())


def print_line(line: str) -> None:
    print(printable(line))


def short(number: float | None) -> str:
    """Four significant digits, or as many as tell the number from 1; nothing for None."""
    return "" if number is None else four_digits(number)


def figure(number: int | float | None, dtype: str = "float64") -> str:
    """The shortest digits in the tensor's precision, all of an integer; empty if undefined."""
    if number is None or isinstance(number, int):
        return "" if number is None else str(number)
    narrow = dtype.startswith(("float", "bfloat")) and dtype != "float64"
    return shortest_float32(number) if narrow else shortest(number)


def print_json(value: object) -> None:
    print(printable_json(json.dumps(value, indent=2)))


def reason(error: StateserveError | OSError) -> str:
    """One line for an expected error."""
    if isinstance(error, StateserveError):
        return str(error)
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror or error}"


def warn(text: str) -> None:
    """Print a warning to standard error: programs read standard output."""
    print(printable(text), file=sys.stderr)
