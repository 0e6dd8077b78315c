"""Names from files and callers, as they may be shown: what a terminal would obey is escaped."""

import json
import re

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
