"""The text of a file: bytes, perhaps compressed, in one of the usual encodings."""

import codecs
import gzip
import os
import stat
import zlib
from pathlib import Path

from training.errors import DataError

MAX_BYTES = 2**30
# Longest first: the mark of UTF-32 begins with that of UTF-16.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
SAMPLE = 4096


def read_bytes(path: Path) -> bytes:
    """The content of a regular file as it is now; `.gz` is unpacked. Raises DataError."""
    try:
        # Not opened first: opening a named pipe waits for a writer.
        if not stat.S_ISREG(path.stat().st_mode):
            kind = "a directory" if path.is_dir() else "no regular file"
            raise DataError(f"{path}: {kind}")
        with path.open("rb") as file:
            # A file that grows is read up to its present end.
            content = file.read(min(os.fstat(file.fileno()).st_size, MAX_BYTES + 1))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    if content[:2] == b"\x1f\x8b":
        content = _unpacked(path)
    if len(content) > MAX_BYTES:
        raise DataError(f"{path}: more than {MAX_BYTES >> 20} MiB")
    return content


def _unpacked(path: Path) -> bytes:
    try:
        with gzip.open(path) as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: no whole gzip file: {error}") from None


def decode(path: Path, content: bytes) -> tuple[str, list[str]]:
    """The text, and a note if its encoding was guessed. Raises DataError."""
    for mark, encoding, name in MARKS:
        if content.startswith(mark):
            notes = [] if name == "UTF-8" else [f"encoding {name}, by its byte order mark"]
            return _decoded(path, content, encoding, name), notes
    if b"\0" in content[:SAMPLE]:
        order = _order_of_utf16(content[:SAMPLE])
        if order is None:
            raise DataError(f"{path}: no text: a NUL at byte {content.index(0)}")
        note = f"encoding UTF-16 ({order.upper()}) guessed: it has no byte order mark"
        return _decoded(path, content, f"utf-16-{order}", "UTF-16"), [note]
    try:
        return content.decode("utf-8"), []
    except UnicodeDecodeError as error:
        at = f"byte {error.start} is not UTF-8"
    try:
        return content.decode("cp1252"), [f"encoding Windows-1252 (Latin-1) guessed: {at}"]
    except UnicodeDecodeError:
        return content.decode("latin-1"), [f"encoding Latin-1 guessed: {at}"]


def _decoded(path: Path, content: bytes, encoding: str, name: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not {name} at byte {error.start}") from None


def _order_of_utf16(sample: bytes) -> str | None:
    """The byte order of text that is mostly ASCII, or None."""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if odd > len(sample) / 4 and not even:
        return "le"
    return "be" if even > len(sample) / 4 and not odd else None
