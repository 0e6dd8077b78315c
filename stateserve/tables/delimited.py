"""Delimited text as columns of text: its separator and its header."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice

from stateserve.errors import TableError
from stateserve.tables.content import MAX_ROW
from stateserve.tables.escapes import plain_cells
from stateserve.tables.header_rows import about_rows, join_header
from stateserve.tables.rows import Body, Record, Rows, filled, is_drawn, read_rows
from stateserve.tables.sheet import Column, Sheet, names_of
from stateserve.text import listed

SEPARATORS = ",;\t|"
SAMPLE_ROWS = 200
SAMPLE_CELLS = 2**22
SAMPLE_CHARACTERS = 2**18
NAMES = {"\t": "a tab", " ": "spaces"}
# Excel reads the separator from a first line "sep=;".
DECLARED = re.compile(r"\s*\"?sep=([,;\t| ])\"?\s*\n", re.IGNORECASE)


def read_delimited(source: str, text: str, most_cells: int, *, skip_bad_rows: bool) -> Sheet:
    """The cells of each column. Raises TableError, which names the row."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    # Blank lines at the end cost nothing, however many.
    text = text.rstrip("\n")
    if not text.strip():
        raise TableError(source, "the file is empty")
    declared = DECLARED.match(text)
    skipped = int(declared is not None)
    text = text[declared.end() :] if declared else text
    text, escapes = plain_cells(text)
    # The module csv has one limit for the whole process, and any code may have set it.
    csv.field_size_limit(MAX_ROW)
    separator = declared[1] if declared else _separator(text)
    rows = read_rows(source, text, separator, skipped)
    sample = list(_first_rows(rows))
    records = chain.from_iterable(each.records() for each in sample)
    first = list(islice(records, SAMPLE_ROWS))
    if not any(filled(cells) for _, cells in first):
        raise TableError(source, "no cell of the first rows has a text")
    head, place = _header(source, first, separator)
    names, more = join_header(head, [cells for _, cells in first[place + 1 :]])
    header = names_of(source, names, first[place].row)
    notes = (
        [] if separator == "," else [f"the separator is {NAMES.get(separator, repr(separator))}"]
    )
    if escapes:
        notes.append(escapes)
    if place:
        notes.append(f"rows 1 to {first[place].row - 1} are above the header, and skipped")
    last = first[place + more].row
    if more:
        notes.append(about_rows(more, last))
    body = Body(source, len(header), separator, notes, most_cells, skip_bad_rows)
    cells, numbers = body.read(chain(sample, rows), last)
    columns = [Column(*each) for each in zip(header, cells, strict=True)]
    return Sheet(source, columns, numbers, notes, separator, body.bad, body.left_out)


def _first_rows(rows: Iterator[Rows]) -> Iterator[Rows]:
    """At least SAMPLE_ROWS rows, unless they are very long."""
    count = cells = 0
    for each in rows:
        yield each
        count, cells = count + len(each.cells), cells + sum(map(len, each.cells))
        if count >= SAMPLE_ROWS or cells > SAMPLE_CELLS:
            return


def _separator(text: str) -> str:
    """The separator that divides most rows into the same number of cells, more than one."""
    sample = text[:SAMPLE_CHARACTERS]
    lines = sample.splitlines()[:SAMPLE_ROWS]
    if len(sample) < len(text) and len(lines) > 1:
        lines = lines[:-1]

    def score(separator: str) -> tuple[float, int]:
        reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
        widths = [len(row) for row in reader if any(map(str.strip, row))]
        if not widths:
            return 0, 0
        counts = Counter(widths)
        width, rows = max(counts.items(), key=lambda item: (item[0] > 1, item[1], item[0]))
        # The first row is most often the header, and has all columns; that of R may lack one.
        head = widths[0] == width or (rows + 1 == len(widths) and 1 < widths[0] == width - 1)
        return (rows + head / 2, width) if width > 1 else (0, 0)

    best = max(SEPARATORS, key=score)
    # Spaces are in most texts: they separate only if nothing else does, and in each row.
    if score(best)[0] or score(" ")[0] < max(2, len(lines) - 0.5):
        return best
    return " "


def _header(source: str, first: Sequence[Record], separator: str) -> tuple[list[str], int]:
    """The first row of the header and its place: the first row as wide as most rows."""
    rows = [cells for _, cells in first if not is_drawn(cells)] or [[]]
    widths = Counter(map(len, rows))
    width = max(widths, key=lambda each: (widths[each], each))
    top = first[0].cells
    if len(top) > 1 and len(top) + 1 == width:
        # R writes no name for the column of row names.
        return ["", *top], 0
    # A row of one cell above a wide table is its title, though a spreadsheet fills it up.
    least = 2 if width > 2 and max(map(filled, rows)) > 1 else 1
    places = (
        place
        for place, (_, cells) in enumerate(first)
        if len(cells) >= width
        and filled(cells) >= least
        and not (is_drawn(cells) or cells[0].startswith("# "))
    )
    place = next(places, None)
    if place is None:
        found = f"no header: most rows have {width} cells, and none of these rows names columns"
        raise TableError(source, found)
    for row, cells in first[:place]:
        for other in SEPARATORS:
            if len(cells) == 1 and width > 1 and cells[0].count(other) == width - 1:
                found = f"{other!r} separates the header, and {separator!r} the other rows"
                raise TableError(source, found, row=row)
    head = first[place].cells
    _require_names(source, first[:place], head)
    above = [
        record
        for record in first[:place]
        if filled(record.cells) > 1
        and not (is_drawn(record.cells) or record.cells[0].startswith("#"))
    ]
    if above and not _names_columns(head, [cells for _, cells in first[place + 1 :]]):
        found = f"the header, has {len(above[0].cells)} cells; row {first[place].row} has {width}"
        raise TableError(source, f"row {above[0].row}, {found}")
    return head, place


def _require_names(source: str, above: Sequence[Record], head: Sequence[str]) -> None:
    """Raise TableError for a header of numbers below a row of the same width, without most names:
    that row is the header."""
    if not all(_has_number([cell]) for cell in head):
        return
    for row, cells in above:
        if len(cells) == len(head) and filled(cells) and not cells[0].startswith("#"):
            places = [str(place) for place, cell in enumerate(cells, 1) if not cell.strip()]
            found = f"column{'s' * (len(places) > 1)} {listed(places, 10)} without a name"
            raise TableError(source, f"the header has {found}", row=row)


def _names_columns(head: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether a row is surely a header: texts, all different, above numbers."""
    names = {cell.strip() for cell in head}
    all_differ = len(names) == len(head) and all(names)
    return all_differ and not _has_number(head) and any(map(_has_number, below))


def _has_number(cells: Sequence[str]) -> bool:
    return any(cell.strip("+-.,% \t").replace(",", "").replace(".", "").isdigit() for cell in cells)
