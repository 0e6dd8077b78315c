"""Names, numbers and callers' texts as messages show them: a terminal obeys none of it."""

import json
import re
from ctypes import c_float

MOST_SHOWN = 128
# float32 keeps its whole precision between these.
SMALLEST_NORMAL = 2.0**-126
LARGEST = 2.0**128 - 2.0**104
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


def shortest_float32(number: float) -> str:
    """The fewest digits that read back as the same float32, or float64 where that is too narrow.

    Rounding keeps the order: a mean is never shown outside its minimum and maximum.
    """
    if not SMALLEST_NORMAL <= abs(number) <= LARGEST:
        return shortest(number)
    single = c_float(number).value
    texts = (float(f"{single:.{digits}g}") for digits in range(1, 10))
    return shortest(next(text for text in texts if c_float(text).value == single))


def shown(given: str | bytes) -> str:
    """A caller's text or header as errors repeat it: quoted, and not at any length."""
    text = given if isinstance(given, str) else given.decode("latin-1")
    return repr(text) if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]!r}..."
