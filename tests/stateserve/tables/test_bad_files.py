"""A file that is no table is one line, at once, and takes little memory."""

import csv
import gzip
import io
import os
import socket
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from stateserve.checkpoint import encode_state
from stateserve.errors import TableError
from stateserve.tables import read_sheet, read_text
from tests.project import IRIS


def refusal(path: Path) -> str:
    with pytest.raises(TableError) as caught:
        read_sheet(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    assert len(text) < 1000
    return text


def workbook(sheet: str | None = None) -> bytes:
    """A workbook of two columns, or with another XML of its sheet."""
    buffer = io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(["x", "y"])
    book.active.append([1, 2])
    book.save(buffer)
    if sheet is None:
        return buffer.getvalue()
    changed = io.BytesIO()
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, sheet if name.endswith("sheet1.xml") else old.read(name))
    return changed.getvalue()


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket.csv"))
        for name in ("pipe.csv", "socket.csv", "/dev/zero", "/dev/null"):
            assert "no regular file" in refusal(tmp_path / name)
    assert "a directory" in refusal(tmp_path / "folder.csv")
    assert "No such file" in refusal(tmp_path / "absent.csv")
    assert "File name too long" in refusal(tmp_path / ("x" * 300))


@pytest.mark.parametrize(
    ("size", "message"),
    [(2 * 2**30, "more than 512 MiB"), (500 * 2**20, "4 MiB of NUL bytes")],
)
def test_a_sparse_file_is_refused_by_its_size_or_its_first_bytes(
    tmp_path: Path, size: int, message: str
) -> None:
    path = tmp_path / "sparse.csv"
    with path.open("wb") as file:
        file.truncate(size)
    assert message in refusal(path)


def test_packed_files_do_not_unpack_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "zeros.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(16):
            file.write(bytes(2**20))
    assert "4 MiB of NUL bytes" in refusal(path)
    path.write_bytes(gzip.compress(b"x,y\n1,2\n")[:-9])
    assert "no whole gzip file" in refusal(path)
    path = tmp_path / "bomb.xlsx"
    packed = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with packed, packed.open("xl/workbook.xml", "w") as part:
        for _ in range(300):
            part.write(bytes(2**20))
    assert "unpacks to 300 MiB; at most 256" in refusal(path)
    path = tmp_path / "rows.parquet"
    words = pa.DictionaryArray.from_arrays(np.zeros(2**25 + 1, np.int8), ["a"])
    pq.write_table(pa.table({"x": words}), path)
    assert "more than 33554432 cells" in refusal(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("old.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "one with a password"),
        ("cut.xlsx", workbook()[:2000], "no whole .xlsx file"),
        ("csv.xlsx", b"x,y\n1,2\n", "no .xlsx file: its first bytes are b'x,y"),
        ("broken.xlsx", workbook("<worksheet><sheetData><row>"), "no whole .xlsx file"),
        (
            "empty.xlsx",
            workbook("<worksheet/>"),
            "no sheet of the workbook has a row below a header",
        ),
        ("table.csv.bz2", b"BZh91AY", "packed by bzip2"),
        ("page.csv", b"\n<!DOCTYPE html>\n<p>", "a page of HTML"),
        ("rows.csv", b'[{"x": 1}]', "JSON; name it .json, or send it as application/json"),
        ("rows.csv", b'\xef\xbb\xbf{\n  "x": [1, 2],\n  "y": 3\n}\n', "JSON; name it .json"),
        ("rows.csv", b"[[1, 2], [3, 4]]", "JSON; name it .json"),
        ("two.csv", b"a;b;c\n1,2,3\n4,5,6\n", "row 1: ';' separates the header, and ','"),
        ("data.sqlite", b"SQLite format 3\0", "a database"),
        ("nul.csv", b"x,y\n1,2\n3,\0\n", "row 3: no text: a NUL at byte 10"),
        ("late.csv", b"x,y\n" + b"1,2\n" * 2000 + b"\0", "row 2002: no text: a NUL"),
        ("wide.csv", b",".join([b"c"] * 5_000_000), "row 1: more than 4 MiB"),
        ("commas.csv", b"," * 3_000_000 + b"\n", "no cell of the first rows has a text"),
        ("row.csv", b"x,y\n1,2\n" + b"1," * 100_000 + b"\n", "row 3: 100001 cells for 2 columns"),
        ("quote.csv", b'x,y\n1,2\n"3,4\n5,6\n', "row 3: a quote is not closed"),
        ("after.csv", b'x,y\n1,2\n"3"4,5\n', "row 3: ',' expected after"),
        ("twice.csv", b"x,y,x\n1,2,3\n", "row 1: column 'x' stands twice"),
        ("mark.csv", b"\xff\xfex\0,", "not UTF-16 at byte 4"),
    ],
)
def test_a_wrong_content_is_named_with_its_row(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert message in refusal(path)


@pytest.mark.parametrize("suffix", ["parquet", "feather", "xlsx"])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table.{suffix}"
    frame = pd.DataFrame({"x": [1, 2], "y": ["a", "b"]})
    write = {"parquet": frame.to_parquet, "feather": frame.to_feather, "xlsx": frame.to_excel}
    write[suffix](path)
    content = path.read_bytes()
    for end in [*range(0, 16, 3), *range(16, len(content) - 1, len(content) // 20)]:
        path.write_bytes(content[:end])
        refusal(path)


def test_a_zip_file_of_tables_says_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as parts:
        parts.writestr("a.csv", "x,y\n1,2\n")
    assert "a zip file with a.csv; unpack it first" in refusal(path)


def test_pictures_checkpoints_and_arrays_are_named(tmp_path: Path) -> None:
    for suffix, save in (("png", "PNG"), ("jpg", "JPEG"), ("bmp", "BMP"), ("tif", "TIFF")):
        Image.new("RGB", (9, 9)).save(tmp_path / f"picture.{suffix}")
        assert refusal(tmp_path / f"picture.{suffix}").endswith(f"a {save} picture, not a table")
    np.save(tmp_path / "a.npy", np.eye(2))
    assert "an array of NumPy" in refusal(tmp_path / "a.npy")
    np.savez(tmp_path / "a.npz", x=np.eye(2))
    assert "arrays of NumPy" in refusal(tmp_path / "a.npz")
    assert refusal(IRIS).endswith("a checkpoint of PyTorch, not a table")
    state = {"x": np.eye(2, dtype=np.float32)}
    (tmp_path / "a.safetensors").write_bytes(encode_state(state, Path("a.safetensors")))
    assert refusal(tmp_path / "a.safetensors").endswith("a checkpoint, not a table")
    torch_pickle = b"\x80\x02}q\0." + bytes(40)
    (tmp_path / "old.pth").write_bytes(torch_pickle)
    assert "a pickle, such as a checkpoint of PyTorch" in refusal(tmp_path / "old.pth")
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7\n")
    assert refusal(tmp_path / "a.pdf").endswith("a PDF")


def test_entities_of_a_workbook_do_not_grow(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    sheet = f'<!DOCTYPE x [<!ENTITY e0 "aaaaaaaaaa">{entities}]><worksheet>&e9;</worksheet>'
    path = tmp_path / "entities.xlsx"
    path.write_bytes(workbook(sheet))
    assert "no whole .xlsx file" in refusal(path)


def test_a_file_that_grows_is_read_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("x,y\n1,2\n")
    with path.open("a") as file:
        assert len(read_sheet(path).rows) == 1
        file.write("3,4\n")
        file.flush()
        assert len(read_sheet(path).rows) == 2


def test_a_body_has_fewer_cells_than_a_file() -> None:
    with pytest.raises(TableError, match="more than 10 cells in rows of 2"):
        read_text("the body", b"x,y\n" + b"1,2\n" * 6, 10)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("x,y\n1,2\n" + "\n" * 10_000_000 + "3,4\n", [2, 10_000_003]),
        ("x,y\n1,2\n" + ",\n" * 300_000 + "3,4\n", [2, 300_003]),
        ("x,y\n1,2\n" + " , \n" * 30_000 + "3,4\n" + "\n" * 10_000_000, [2, 30_003]),
        ('x,y\n1,"2\n' + "\n" * 200_000 + '"\n3,4\n', [2, 3]),
    ],
    ids=["lines", "separators", "spaces", "in quotes"],
)
def test_blank_rows_are_counted_and_left_out(text: str, rows: list[int]) -> None:
    assert read_text("the body", text.encode()).rows.tolist() == rows


def test_a_long_line_is_refused_wherever_it_stands() -> None:
    text = b"x,y\n" + b"1,2\n" * 50_000 + b"1," * 2**22 + b"\n"
    with pytest.raises(TableError, match="row 50002: more than 4 MiB without a line break"):
        read_text("the body", text)


def test_a_long_name_is_read_whatever_limit_the_process_has_for_csv() -> None:
    csv.field_size_limit(1000)
    name = "x" * 2**20
    assert read_text("the body", f"{name},y\n1,2\n".encode()).columns[0].name == name


def test_a_sheet_with_a_title_alone_is_not_the_table(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["a title"])
    data = book.create_sheet("data")
    data.append(["x", "y"])
    data.append([1, 2])
    book.save(tmp_path / "titled.xlsx")
    sheet = read_sheet(tmp_path / "titled.xlsx")
    assert sheet.header == ["x", "y"]
    assert sheet.notes == ["sheet 'data' of 2 is read"]


def test_texts_of_every_arrow_type_are_read(tmp_path: Path) -> None:
    types = [pa.string(), pa.large_string(), pa.string_view()]
    table = pa.table({str(each): pa.array(["a", None, "NA"], each) for each in types})
    pq.write_table(table, tmp_path / "texts.parquet")
    for column in read_sheet(tmp_path / "texts.parquet").columns:
        assert column.cells == ["a", None, None]


def test_an_error_with_a_very_long_name_is_short() -> None:
    name = "x" * 2**20
    with pytest.raises(TableError, match="stands twice") as error:
        read_text("the body", f"{name},{name}\n1,2\n".encode())
    assert len(str(error.value)) < 1200


def test_a_header_without_most_names_is_named() -> None:
    rows = "".join(f"{place},0,1\n" for place in range(1, 7))
    with pytest.raises(TableError, match="row 1: the header has columns 1, 2 without a name"):
        read_text("the body", f",,y\n{rows}".encode())
    # Years below a title.
    titled = read_text("the body", b"sales,,\nplace,2001,2002\na,1,2\nb,3,4\n")
    assert titled.header == ["place", "2001", "2002"]
