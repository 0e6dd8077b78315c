"""How commands print: tables for people, JSON for programs."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

# In a pipe nothing is folded to a width that no terminal has: grep finds whole names.
# Names are shown as they are: [x] is no markup, :x: no emoji.
console = Console(
    width=None if sys.stdout.isatty() else 1000,
    soft_wrap=True,
    highlight=False,
    markup=False,
    emoji=False,
)
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def table(name: str, *columns: str) -> Table:
    """An empty table without lines, whose first column is never cut short."""
    return Table(Column(name, overflow="fold"), *columns, box=None, pad_edge=False)


def short(number: float | None) -> str:
    """Four significant digits; nothing for a figure that is not defined."""
    return "" if number is None else f"{number:.4g}"


def print_json(value: object) -> None:
    print(json.dumps(value, indent=2))
