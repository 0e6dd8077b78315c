"""Results as small tables of HTML, for notebooks. Every text is escaped, and so are characters
that change the direction of others or have no width."""

from collections.abc import Iterable, Sequence
from html import escape

from stateserve.text import printable

MOST_ROWS = 10
MOST_CLASSES = 10
_BAR = "background:#4c78a8;height:0.6em;display:inline-block"


def table(header: Sequence[str], rows: Iterable[Sequence[object]], note: str = "") -> str:
    """A table; a cell that is a Bar is drawn."""
    head = "".join(f"<th>{_escaped(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    caption = f"<p>{_escaped(note)}</p>" if note else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{caption}"


class Bar:
    """A share of 1, drawn beside its number."""

    def __init__(self, share: float) -> None:
        self._share = share

    def html(self) -> str:
        width = 8 * min(abs(self._share), 1) if self._share == self._share else 0
        return f"{number(self._share)} <span style='{_BAR};width:{width:.2f}em'></span>"


def number(value: float) -> str:
    return f"{value:.4g}"


def _cell(value: object) -> str:
    if isinstance(value, Bar):
        return f"<td>{value.html()}</td>"
    text = number(value) if isinstance(value, float) else str(value)
    return f"<td>{_escaped(text[:200])}</td>"


def _escaped(text: str) -> str:
    return escape(printable(text))
