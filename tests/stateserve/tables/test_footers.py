"""The last rows of a sheet: which are data, and which are footers, in text and in workbooks."""

import csv
from pathlib import Path

import openpyxl
import pytest

from stateserve.tables import read_sheet

Row = list[str | float | None]
DATA: list[Row] = [[f"shop {n % 3}", n + 0.5, n % 4 + 1, ("yes", "no")[n % 2]] for n in range(8)]
SUMS: Row = [32, 20]
FOOTERS: dict[str, tuple[list[Row], list[int]]] = {
    "a total, and its source": ([["Total", *SUMS], ["Source: internal, preliminary"]], [11, 12]),
    "blank rows between": ([[], ["Summe", 31, 20], [], ["Source: internal"]], [12, 14]),
    "a word below a blank row": ([[], ["preliminary"]], [12]),
    "several notes": ([["Grand total:", *SUMS], ["As of: May"], ["Source: x"]], [11, 12, 13]),
    "another name": ([["Total of all shops", *SUMS]], [11]),
    "sums without a name": ([[None, *SUMS]], [11]),
    "sums and means": ([["Total", *SUMS], ["Mean", 4, 2.5]], [11, 12]),
    "a total in the second column": ([[None, "Gesamt", 20]], [11]),
}
ROWS: dict[str, Row] = {
    "a shop of that name": ["Total", 3, 2, "yes"],
    "a longer name": ["Total Wine", 3, 2, None],
    "no sums": [None, 3, 2, None],
    "a missing value": ["shop 1", None, 2, None],
    "one of the values": ["shop 1", None, None, None],
}


def save(path: Path, rows: list[Row]) -> Path:
    if path.suffix == ".xlsx":
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.save(path)
    else:
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([*row, *[None] * (4 - len(row))] for row in rows)
    return path


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_footers_are_dropped_and_said_with_their_rows(tmp_path: Path, suffix: str) -> None:
    for what, (below, dropped) in FOOTERS.items():
        rows = [["Sales"], ["shop", "size", "staff", "open"], *DATA, *below]
        sheet = read_sheet(save(tmp_path / f"table.{suffix}", rows))
        assert sheet.rows.tolist() == [*range(3, 11)], what
        notes = [note for note in sheet.notes if "footer" in note]
        assert [int(note.split()[1].strip(",")) for note in notes] == dropped, what


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_rows_that_are_alike_are_data(tmp_path: Path, suffix: str) -> None:
    for what, row in ROWS.items():
        rows = [["shop", "size", "staff", "open"], *DATA, row]
        sheet = read_sheet(save(tmp_path / f"table.{suffix}", rows))
        assert sheet.rows.tolist() == [*range(2, 11)], what


def test_a_footer_beside_the_table_makes_no_column(tmp_path: Path) -> None:
    rows = [[None, "shop", "size"], *([None, *row[:2]] for row in DATA), [], ["Source: internal"]]
    sheet = read_sheet(save(tmp_path / "table.xlsx", rows))
    assert (sheet.header, len(sheet.rows)) == (["shop", "size"], 8)
