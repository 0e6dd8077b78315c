"""Names of columns in more rows than one, in text and in workbooks."""

import io
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from stateserve.tables import read_sheet, read_text

ROWS = [[place % 3, place / 4, f"name {place}", place % 5] for place in range(8)]


def header(*rows: str) -> tuple[list[str], int]:
    below = [",".join(map(str, row)) for row in ROWS]
    sheet = read_text("t.csv", "\n".join([*rows, *below]).encode())
    return sheet.header, len(sheet.rows)


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        (("a,b,c,d", ",cm,,kg"), ["a", "b (cm)", "c", "d (kg)"]),
        (("a,b (mm),c,d", ",mm,,(kg)"), ["a", "b (mm)", "c", "d (kg)"]),
        (("size,,c,", "x,y,,z"), ["size x", "size y", "c", "z"]),
        (("a,a,c,d", "x,y,,"), ["a x", "a y", "c", "d"]),
        (
            ("a,b,c,d", "How long is it in all?,How wide?,Who?,How many?"),
            ["a", "b", "c", "d"],
        ),
        (("a,b,c,d", "q,r,s,t", '"{""ImportId"":""x""}",u,v,w'), ["a", "b", "c", "d"]),
    ],
)
def test_rows_of_names_belong_to_the_header(rows: tuple[str, ...], names: list[str]) -> None:
    assert header(*rows) == (names, len(ROWS))


@pytest.mark.parametrize("row", ["n/a,?,name,.", "absent,absent,Ann,absent", "1,2,Ann,3", ",,x,"])
def test_a_first_row_of_data_is_no_header(row: str) -> None:
    assert header("a,b,c,d", row) == (["a", "b", "c", "d"], len(ROWS) + 1)


def test_the_headers_of_pandas_are_read(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    columns = pd.MultiIndex.from_product([["len", "wid"], ["cm", "in"]])
    frame = pd.DataFrame(random.normal(size=(8, 4)), columns=columns)
    frame.to_csv(tmp_path / "t.csv")
    names = ["len cm", "len in", "wid cm", "wid in"]
    assert read_sheet(tmp_path / "t.csv").header == ["", *names]
    kind = pd.Series([f"k{place // 2}" for place in range(8)], name="kind")
    frame.groupby(kind).agg(["mean", "std"]).to_csv(tmp_path / "t.csv")
    wanted = [f"{name} {figure}" for name in names for figure in ("mean", "std")]
    assert read_sheet(tmp_path / "t.csv").header == ["kind", *wanted]


def test_merged_cells_of_a_workbook_name_all_their_columns(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["size", None, "kind"])
    sheet.append(["x", "y", None])
    for place in range(6):
        sheet.append([place, place / 2, "ab"[place % 2]])
    sheet.merge_cells("A1:B1")
    sheet.merge_cells("C1:C2")
    buffer = io.BytesIO()
    book.save(buffer)
    (tmp_path / "t.xlsx").write_bytes(buffer.getvalue())
    found = read_sheet(tmp_path / "t.xlsx")
    assert found.header == ["size x", "size y", "kind"]
    assert [column.kind for column in found.columns] == ["number", "number", "text"]
    assert found.rows.tolist() == [3, 4, 5, 6, 7, 8]
