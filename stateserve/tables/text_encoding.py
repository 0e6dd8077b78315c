"""The text of a file: bytes in one of the usual encodings."""

import codecs
import re

from stateserve.errors import TableError

# Longest first: the mark of UTF-32 begins with that of UTF-16.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
SAMPLE = 4096
# Of the characters of Japanese text with two bytes, more than this share end in a byte over 127;
# pairs of a letter with an accent and a plain letter do not.
HIGH_ENDS = 0.25


def decode(source: object, content: bytes) -> tuple[str, list[str]]:
    """The text, and a note if its encoding was guessed. Raises TableError."""
    for mark, encoding, name in MARKS:
        if content.startswith(mark):
            notes = [] if name == "UTF-8" else [f"encoding {name}, by its byte order mark"]
            return _decoded(source, content, encoding, name), notes
    if b"\0" in content[:SAMPLE]:
        return _utf16(source, content)
    if b"\0" in content:
        raise _nul(source, content)
    try:
        return content.decode("utf-8"), []
    except UnicodeDecodeError as error:
        at = f"byte {error.start} is not UTF-8"
    if (japanese := _shift_jis(content)) is not None:
        return japanese, [f"encoding Shift-JIS (Windows-31J) guessed: {at}"]
    if _is_cyrillic(content):
        return content.decode("cp1251", "replace"), [f"encoding Windows-1251 guessed: {at}"]
    try:
        return content.decode("cp1252"), [f"encoding Windows-1252 (Latin-1) guessed: {at}"]
    except UnicodeDecodeError:
        return content.decode("latin-1"), [f"encoding Latin-1 guessed: {at}"]


def _utf16(source: object, content: bytes) -> tuple[str, list[str]]:
    """The text of UTF-16 without a byte order mark. Raises TableError for what is no text."""
    from stateserve.tables.binary import name_binary

    if what := name_binary(content):
        raise TableError(source, what)
    order = _order_of_utf16(content[:SAMPLE])
    if order is None:
        raise _nul(source, content)
    note = f"encoding UTF-16 ({order.upper()}) guessed: it has no byte order mark"
    return _decoded(source, content, f"utf-16-{order}", "UTF-16"), [note]


def _decoded(source: object, content: bytes, encoding: str, name: str) -> str:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise TableError(source, f"not {name} at byte {error.start}") from None
    if "\0" in text:
        raise TableError(source, f"no text: a NUL at character {text.index(chr(0))}")
    return text


def _nul(source: object, content: bytes) -> TableError:
    place = content.index(0)
    row = content.count(b"\n", 0, place) + 1
    return TableError(source, f"no text: a NUL at byte {place}", row=row)


def _order_of_utf16(sample: bytes) -> str | None:
    """The byte order of text that is mostly ASCII, or None."""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if odd > len(sample) / 4 and not even:
        return "le"
    return "be" if even > len(sample) / 4 and not odd else None


def _shift_jis(content: bytes) -> str | None:
    """The text as Japanese Windows programs write it; None if it looks like another encoding."""
    try:
        text = content.decode("cp932")
    except UnicodeDecodeError:
        return None
    wide = narrow = high = 0
    for character in dict.fromkeys(filter(lambda each: not each.isascii(), text)):
        code = character.encode("cp932")
        # Codes for characters of the user's own.
        if "\ue000" <= character <= "\uf8ff":
            return None
        wide += len(code) == 2
        narrow += len(code) == 1
        high += len(code) == 2 and code[1] > 127
    return text if wide > narrow and high > HIGH_ENDS * wide else None


def _is_cyrillic(content: bytes) -> bool:
    """Whether most letters beyond ASCII stand side by side, as those with accents do not."""
    letters = len(re.findall(rb"[\xc0-\xff]", content))
    beside = sum(map(len, re.findall(rb"[\xc0-\xff]{3,}", content)))
    return beside > letters / 2
