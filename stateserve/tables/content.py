"""The bytes of a table's file, unpacked, in bounded memory."""

import codecs
import gzip
import os
import re
import stat
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from stateserve.errors import TableError

MAX_BYTES = 2**29
# A first row without an end in so many bytes is no header.
MAX_ROW = 2**22
GZIP = b"\x1f\x8b"
ARROW = (b"PAR1", b"ARROW1", b"FEA1", b"\xff\xff\xff\xff")
ZIP = b"PK\3\4"
TYPED = (*ARROW, ZIP)
# What cannot be read, by its first bytes.
REFUSED = {
    b"\xd0\xcf\x11\xe0": "an .xls workbook, or one with a password; save it as .xlsx without one",
    b"BZh": "packed by bzip2; unpack it first, or use gzip",
    b"\xfd7zXZ": "packed by xz; unpack it first, or use gzip",
    b"\x28\xb5\x2f\xfd": "packed by zstd; unpack it first, or use gzip",
    b"SQLite format 3": "a database of SQLite; export a table of it",
    b"%PDF": "a PDF",
    b"\x89HDF": "an HDF5 file; save the table as .parquet or .csv",
}
# Where text is needed.
NO_TEXT = {
    GZIP: "packed by gzip; unpack it first",
    ZIP: "a workbook of Excel, or another zip file; save the table as .csv",
    **dict.fromkeys(ARROW, "Parquet or Arrow; save the table as .csv"),
}
# Of text, after spaces and in lower case.
REFUSED_TEXTS = {
    b"<html": "a page of HTML; save the table as .csv",
    b"<!doctype": "a page of HTML; save the table as .csv",
    b"<?xml": "XML; save the table as .csv",
    b"@relation": "ARFF; save the table as .csv",
    b"insert into": "a program in SQL; export the table as .csv",
}

JSON = re.compile(rb'\{\s*"|\[\s*[\[{]')
NO_JSON = "JSON; name it .json, or send it as application/json, or save the table as .csv"


def read_content(path: Path) -> bytes:
    """The content of a regular file as it is now; gzip is unpacked. Raises TableError."""
    try:
        # Not opened first: opening a named pipe waits for a writer.
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"
            raise TableError(path, f"{kind}; a file with a table is needed")
        with path.open("rb") as file:
            # A file that grows is read up to its present end.
            size = os.fstat(file.fileno()).st_size
            if file.peek(2)[:2] != GZIP:
                return _read(path, file, size)
            with gzip.open(file) as unpacked:
                return _read(path, cast(BinaryIO, unpacked), None)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise TableError(path, f"no whole gzip file: {error}") from None
    except (OSError, ValueError) as error:
        # ValueError: a NUL in the path.
        raise TableError(path, getattr(error, "strerror", None) or str(error)) from None


def _read(path: Path, file: BinaryIO, size: int | None) -> bytes:
    if size is not None and size > MAX_BYTES:
        raise _too_large(path)
    # Without the rest, if the rest is of no use.
    first = file.read(min(MAX_ROW, size) if size is not None else MAX_ROW)
    require_table(path, first)
    rest = file.read((MAX_BYTES if size is None else size) - len(first) + (size is None))
    if len(first) + len(rest) > MAX_BYTES:
        raise _too_large(path)
    return first + rest


def _too_large(path: Path) -> TableError:
    return TableError(path, f"more than {MAX_BYTES >> 20} MiB; read a part of it")


def require_table(source: object, first: bytes) -> None:
    """Refuse a file by its first MAX_ROW bytes. Raises TableError."""
    for mark, what in REFUSED.items():
        if first.startswith(mark):
            raise TableError(source, what)
    start = first[:200].removeprefix(codecs.BOM_UTF8).lstrip().lower()
    for mark, what in REFUSED_TEXTS.items():
        if start.startswith(mark):
            raise TableError(source, what)
    if JSON.match(start):
        raise TableError(source, NO_JSON)
    if len(first) == MAX_ROW and not first.startswith(TYPED):
        if not first.strip(b"\0"):
            raise TableError(source, f"no text: {MAX_ROW >> 20} MiB of NUL bytes")
        if b"\n" not in first and b"\r" not in first:
            raise TableError(source, f"more than {MAX_ROW >> 20} MiB without a line break", row=1)
