"""A console for people: text from files and callers is shown as text, never interpreted."""

from typing import Any

from rich.console import Console
from rich.text import Text

from stateserve.text import printable


class PlainConsole(Console):
    """Shows text as it is: no markup, no emoji codes, and control characters escaped."""

    def __init__(self, width: int | None = None) -> None:
        super().__init__(width=width, soft_wrap=True, highlight=False, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)
