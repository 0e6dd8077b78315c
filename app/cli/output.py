"""How commands print: tables for people, JSON for programs."""

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from app.text import printable, printable_json


class PlainConsole(Console):
    """Shows names as they are: [x] is no markup, :x: no emoji, and an escape no command."""

    def __init__(self, width: int | None = None) -> None:
        super().__init__(width=width, soft_wrap=True, highlight=False, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)


# In a pipe nothing is folded to a width that no terminal has: grep finds whole names.
console = PlainConsole(width=None if sys.stdout.isatty() else 1000)
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def table(name: str, *columns: str) -> Table:
    """An empty table without lines, whose first column is never cut short."""
    return Table(Column(name, overflow="fold"), *columns, box=None, pad_edge=False)


def short(number: float | None) -> str:
    """Four significant digits; nothing for a figure that is not defined."""
    return "" if number is None else f"{number:.4g}"


def print_json(value: object) -> None:
    print(printable_json(json.dumps(value, indent=2)))


def warn(text: str) -> None:
    """Say it beside the answer, which programs read."""
    print(printable(text), file=sys.stderr)
