"""Reads a table from a file of any known format, or from delimited text."""

from dataclasses import replace
from pathlib import Path

from stateserve.errors import TableError
from stateserve.tables.content import ARROW, MAX_ROW, NO_TEXT, ZIP, read_content, require_table
from stateserve.tables.delimited import read_delimited
from stateserve.tables.sheet import MAX_CELLS, Sheet
from stateserve.tables.text_encoding import decode


def read_sheet(path: Path, *, skip_bad_rows: bool = False) -> Sheet:
    """Read a file; its first bytes say which format it has. A row with too few or too many cells
    is an error, or is left out on request. Raises TableError."""
    content = read_content(path)
    # The formats with types need libraries, which are imported only for them.
    if content.startswith(ARROW):
        from stateserve.tables.arrow import read_arrow

        return read_arrow(str(path), content)
    if content.startswith(ZIP):
        from stateserve.tables.excel import read_excel

        return read_excel(str(path), content)
    if not content:
        raise TableError(path, "the file is empty")
    suffixes = {suffix.lower() for suffix in path.suffixes}
    if typed := suffixes & {".parquet", ".pq", ".feather", ".arrow", ".xlsx", ".xlsm"}:
        raise TableError(path, f"no {typed.pop()} file: its first bytes are {content[:4]!r}")
    return read_text(str(path), content, skip_bad_rows=skip_bad_rows)


def read_text(
    source: str, content: bytes, most_cells: int = MAX_CELLS, *, skip_bad_rows: bool = False
) -> Sheet:
    """Read delimited text of up to so many cells, as read_sheet does. Raises TableError."""
    require_table(source, content[:MAX_ROW])
    for mark, what in NO_TEXT.items():
        if content.startswith(mark):
            raise TableError(source, what)
    text, notes = decode(source, content)
    sheet = read_delimited(source, text, most_cells, skip_bad_rows=skip_bad_rows)
    return replace(sheet, notes=[*notes, *sheet.notes])
