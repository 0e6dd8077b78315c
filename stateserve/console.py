"""A console for people: text from files and callers is shown as text, never interpreted."""

import os
import signal
from typing import Any, NoReturn

from rich.console import Console
from rich.text import Text

from stateserve.text import printable


class PlainConsole(Console):
    """Shows text as it is: no markup, no emoji codes, and control characters escaped."""

    def __init__(self, width: int | None = None) -> None:
        super().__init__(width=width, soft_wrap=True, highlight=False, markup=False, emoji=False)

    def on_broken_pipe(self) -> NoReturn:
        end_on_broken_pipe()

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)


def end_on_broken_pipe() -> NoReturn:
    """End silently by SIGPIPE, as other commands end whose reader has stopped, such as head."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGPIPE)
    # Where the signal is blocked.
    os._exit(128 + signal.SIGPIPE)
