"""Text for messages: control characters escaped, numbers in their shortest form."""

import difflib
import json
import re
from bisect import bisect
from collections.abc import Iterable, Sequence
from ctypes import c_float

MOST_SHOWN = 128
MOST_COMPARED = 100
# Between these, float32 has its full precision.
SMALLEST_NORMAL = 2.0**-126
LARGEST = 2.0**128 - 2.0**104
# More than str.isprintable covers: control characters, direction marks, zero-width characters,
# lone surrogates, line and paragraph separators.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# Of ECMA-48: what chooses colours on a terminal, and moves its cursor.
_COLOUR = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def printable(text: str) -> str:
    r"""Escape unprintable characters as Python does: \x1b, \u202e."""
    if text.isascii() and text.isprintable():
        return text
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def printable_json(text: str) -> str:
    r"""Escape unprintable characters in JSON's own form, \u202e; the value stays the same."""
    return _UNPRINTABLE.sub(lambda found: _as_json(found[0]), text)


def _as_json(character: str) -> str:
    # A line break can only be layout: inside a JSON string it is escaped already.
    if character == "\n":
        return character
    if character == "\x7f":
        return r"\u007f"
    return json.dumps(character)[1:-1]


def shortest(number: float) -> str:
    """The shortest digits that read back as the same number: 5.1, 436, 1226718, 1e+20."""
    return repr(float(number)).removesuffix(".0")


def shortest_float32(number: float) -> str:
    """The shortest digits that read back as the same float32; outside its range, float64.

    The order of numbers stays: a mean is never shown outside its minimum and maximum.
    """
    if not SMALLEST_NORMAL <= abs(number) <= LARGEST:
        return shortest(number)
    single = c_float(number).value
    texts = (float(f"{single:.{digits}g}") for digits in range(1, 10))
    return shortest(next(text for text in texts if c_float(text).value == single))


def shown(given: str | bytes) -> str:
    """A caller's text or header for an error message: quoted, and cut to MOST_SHOWN."""
    text = given if isinstance(given, str) else given.decode("latin-1")
    return repr(text) if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]!r}..."


def listed(names: Sequence[str], most: int, separator: str = ", ") -> str:
    """Up to `most` of the names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return separator.join(names[:most]) + more


def with_article(noun: str) -> str:
    """`an OrderedDict`, `a dict`; the name of a class with U is mostly said as in `a UNet`."""
    return f"{'an' if noun[:1] in tuple('aeioAEIO') else 'a'} {noun}"


def class_of(value: object) -> str:
    """The name of its class with an article: `an int`."""
    return with_article(type(value).__name__)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'image'?`, or nothing if no known name is similar."""
    # The comparison's time grows with the name's length, which the caller of a service chooses.
    near = difflib.get_close_matches(name[:MOST_SHOWN], known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """The most similar known name, of the MOST_COMPARED next to it in alphabetical order.

    A comparison takes half a millisecond, and a state may have 10,000 names.
    """
    wanted, names = name[:MOST_SHOWN], sorted(known)
    first = max(0, bisect(names, wanted) - MOST_COMPARED // 2)
    compared = names[first : first + MOST_COMPARED]
    return difflib.get_close_matches(wanted, compared, n=1, cutoff=0)[0]


def four_digits(number: float) -> str:
    """Four significant digits, or as many as tell the number from 1."""
    enough = (f"{number:.{digits}g}" for digits in range(4, 18))
    return next(text for text in enough if text != "1" or number == 1)


def first_line(error: BaseException) -> str:
    """The type of an error and the first line of its text, without colours, and with the next one
    after a colon, as torch has it. A class of a user may raise anything in place of its text."""
    try:
        lines = _COLOUR.sub("", str(error)).strip().splitlines()
    except BaseException:
        lines = []
    text = "".join(lines[:1])
    if text.endswith(":") and len(lines) > 1:
        text = f"{text} {lines[1].strip()}"
    return printable(without_addresses(f"{type(error).__name__}: {text:.300}"))


def without_addresses(text: str) -> str:
    """Python's default text of an object has its place in memory, which is for no stranger."""
    return re.sub(" at 0x[0-9a-f]+>", ">", text)
