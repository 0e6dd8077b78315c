"""Names, numbers and callers' texts as messages show them: a terminal obeys none of it."""

import json
import re

MOST_SHOWN = 128
# Beyond what Python calls printable: text that is no glyph, such as ESC, the C1 controls, marks of
# direction, zero-width characters, lone surrogates, and line and paragraph separators.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def printable(text: str) -> str:
    r"""The text with each such character as Python writes it, as \x1b or \u202e."""
    if text.isascii() and text.isprintable():
        return text
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def printable_json(text: str) -> str:
    r"""JSON of the same value, with each such character in a string as JSON's own \u202e."""
    return _UNPRINTABLE.sub(lambda found: _as_json(found[0]), text)


def _as_json(character: str) -> str:
    # Between its strings JSON is laid out in lines; within them line breaks are escaped already.
    if character == "\n":
        return character
    if character == "\x7f":
        return r"\u007f"
    return json.dumps(character)[1:-1]


def shortest(number: float) -> str:
    """The fewest digits that read back as the same number: 5.1, 436, 1226718, 1e+20."""
    return repr(float(number)).removesuffix(".0")


def shown(given: str | bytes) -> str:
    """A caller's text or header as errors repeat it: quoted, and not at any length."""
    text = given if isinstance(given, str) else given.decode("latin-1")
    return repr(text) if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]!r}..."
