"""A terminal for people, in which names from files and callers are text and nothing else."""

from typing import Any

from rich.console import Console
from rich.text import Text

from stateserve.text import printable


class PlainConsole(Console):
    """Shows names as they are: [x] is no markup, :x: no emoji, and an escape no command."""

    def __init__(self, width: int | None = None) -> None:
        super().__init__(width=width, soft_wrap=True, highlight=False, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)
