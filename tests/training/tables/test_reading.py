"""Reads tables in all usual forms; each mistake is one line with file, column and row."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tables import penguins, write
from training.errors import DataError
from training.tables.columns import Choices
from training.tables.table import Table, read_table

EXPECTED = ["island", "bill_length_mm", "sex", "tagged", "year"]


def read(path: Path, target: str = "species", **choices: list[str]) -> Table:
    return read_table(path, target, Choices(**choices))


def decisions(table: Table) -> dict[str, str]:
    return {each.name: each.decision for each in table.decided}


def assert_same(found: Table, wanted: Table) -> None:
    assert found.features == wanted.features
    np.testing.assert_array_equal(found.rows, wanted.rows)
    assert found.target.classes == wanted.target.classes
    np.testing.assert_array_equal(found.target.values, wanted.target.values)


@pytest.fixture
def plain(tmp_path: Path) -> Table:
    return read(write(tmp_path, penguins(), "plain.csv"))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found(tmp_path: Path, plain: Table, separator: str) -> None:
    assert_same(read(write(tmp_path, penguins(separator=separator))), plain)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_the_encoding_is_found_and_a_guess_is_said(
    tmp_path: Path, plain: Table, encoding: str
) -> None:
    path = tmp_path / "penguins.csv"
    path.write_bytes(penguins().replace("Dream", "Dréam").encode(encoding))
    found = read(path)
    assert found.features[0].values == ["Biscoe", "Dréam", "Torgersen"]
    np.testing.assert_array_equal(found.rows, plain.rows)
    guessed = encoding in ("utf-16-le", "utf-16-be", "cp1252")
    assert any("guessed" in note for note in found.notes) == guessed


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\n\n"),
        lambda text: text.rstrip("\n"),
        lambda text: text.replace("\n", ",\n").replace("species,", "species,", 1),
        lambda text: "\n".join(",".join(f'"{c}"' for c in r.split(",")) for r in text.split("\n")),
        lambda text: text.replace("NA", "").replace("True", "TRUE"),
        lambda text: f"# made by a program\n# on Monday, by somebody\n{text}",
        lambda text: f"\ufeff\u200b{text}",
        lambda text: "Penguins of the Palmer archipelago\n\n" + text,
        lambda text: text + "source: somebody\n",
        lambda text: text.replace(",", " , "),
    ],
)
def test_harmless_differences_are_harmless(tmp_path: Path, plain: Table, change) -> None:  # type: ignore[no-untyped-def]
    text = change(penguins())
    found = read(write(tmp_path, text), drop=[""] if text.splitlines()[0].endswith(",") else [])
    assert_same(found, plain)


def test_gzip_parquet_feather_and_excel_are_the_same_table(tmp_path: Path, plain: Table) -> None:
    packed = tmp_path / "penguins.csv.gz"
    packed.write_bytes(gzip.compress(penguins().encode()))
    assert_same(read(packed), plain)
    frame = pd.read_csv(write(tmp_path, penguins()))
    frame.to_parquet(tmp_path / "penguins.parquet")
    frame.to_feather(tmp_path / "penguins.feather")
    for suffix in ("parquet", "feather"):
        assert_same(read(tmp_path / f"penguins.{suffix}"), plain)
    pytest.importorskip("openpyxl")
    frame.to_excel(tmp_path / "penguins.xlsx", index=False)
    assert_same(read(tmp_path / "penguins.xlsx"), plain)


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["1,5", "2,25", "-3", "1.234,5"], [1.5, 2.25, -3, 1234.5]),
        (["0,125", "0,250", "1,000", "2,500"], [0.125, 0.25, 1, 2.5]),
        (["1,234", "12,000", "7", "1,234,567.5"], [1234, 12000, 7, 1234567.5]),
        (["5 %", "7%", "1.5 %", "0%"], [5, 7, 1.5, 0]),
        (["$5", "$1,200.50", "$7", "$0"], [5, 1200.5, 7, 0]),
        (["1e3", "-2E-2", "+4", "5."], [1000, -0.02, 4, 5]),
    ],
)
def test_numbers_are_read_as_they_are_written(
    tmp_path: Path, cells: list[str], numbers: list[float]
) -> None:
    rows = "".join(f'"{cell}";{"ab"[row % 2]}\n' for row, cell in enumerate(cells * 2))
    separator = "," if "1,234" in cells or "$5" in cells else ";"
    text = "x;y\n" + rows
    table = read(write(tmp_path, text.replace(";", separator)), "y")
    np.testing.assert_allclose(table.rows[:4, 0], numbers, rtol=1e-6)


def test_each_column_gets_a_decision(tmp_path: Path) -> None:
    rows = range(60)
    frame = pd.DataFrame(
        {
            "": rows,
            "customer_id": [f"K{row * 7}" for row in rows],
            "country": "Chile",
            "since": [f"2024-03-{row % 28 + 1:02}" for row in rows],
            "remark": [f"note {row} of the visit" for row in rows],
            "age": [20 + row % 9 for row in rows],
            "nothing": "",
            "plan": [("basic", "plus", "")[row % 3] for row in rows],
            "postcode": [("01067", "10115", "80331", "")[row % 4] for row in rows],
            "part": [f"{row * 7:05}" for row in rows],
            "size": [("1", "2.5", "05")[row % 3] for row in rows],
            "active": [bool(row % 2) for row in rows],
            "aktiv": ["WAHR" if row % 3 else "FALSCH" for row in rows],
            "city": [f"city {row % 55}" for row in rows],
            "price (EUR)": [row * 1.5 if row % 7 else "n.d." if row < 8 else 2 for row in rows],
            "y": ["no", "yes"] * 30,
        }
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    table = read(tmp_path / "t.csv", "y")
    assert decisions(table) == {
        "": "dropped: an index, it counts the rows",
        "customer_id": "dropped: an identifier, all values differ",
        "country": "dropped: constant, always 'Chile'",
        "since": "dropped: dates",
        "remark": "dropped: an identifier, all 60 values differ",
        "age": "number",
        "nothing": "dropped: empty",
        "plan": "category of 2 values, 20 missing: a value of their own",
        "postcode": "category of 3 values, codes with leading zeros, "
        "15 missing: a value of their own",
        "part": "dropped: codes with leading zeros, 60 of 60 values differ",
        "size": "number",
        "active": "boolean",
        "aktiv": "boolean",
        "city": "dropped: free text, 55 of 60 values differ",
        "price (EUR)": "number, 2 missing: the median and an indicator",
    }
    assert table.features[-1].unit == "EUR"
    assert "2 cells such as 'n.d.' (row 2) are no numbers" in " ".join(table.notes)
    drop = ["age", "aktiv", "plan", "postcode", "size"]
    kept = read(tmp_path / "t.csv", "y", keep=["city"], drop=drop, category=["active"])
    assert [each.name for each in kept.features] == ["active", "city", "price"]
    assert decisions(kept)["city"].startswith("category of the 50 most frequent of 55 values")
    assert kept.features[0].values == ["False", "True"]
    postcodes = read(tmp_path / "t.csv", "postcode").target
    assert postcodes.classes == ["01067", "10115", "80331"]
    assert read_table(tmp_path / "t.csv", "part", task="values").target.values[1] == 7


def test_numbers_of_rows_are_dropped_and_measured_ones_kept(tmp_path: Path) -> None:
    counts = {"respondent": 7, "Survey nummer": 1001, "case": 0, "run": 10_000}
    measured = {"year": 1950, "from": 1901, "time": 1001, "wavelength (nm)": 301, "x": 0, "K": 400}
    columns = {name: range(first, first + 60) for name, first in (counts | measured).items()}
    frame = pd.DataFrame({**columns, "gaps": [2 * row + 1001 for row in range(60)]})
    frame.assign(y=["a", "b"] * 30).to_csv(tmp_path / "t.csv", index=False)
    found = decisions(read(tmp_path / "t.csv", "y"))
    assert [name for name, each in found.items() if each != "number"] == [*counts]


def test_a_named_index_of_a_data_frame_is_dropped_if_its_values_differ(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [row % 7 for row in range(60)], "y": ["a", "b"] * 30})
    names = {"cust": [row * 7 % 61 for row in range(60)], "plan": ["u", "v", "w"] * 20}
    index = pd.MultiIndex.from_arrays([*names.values()], names=[*names])
    frame.set_axis(index).to_parquet(tmp_path / "t.parquet")
    found = decisions(read(tmp_path / "t.parquet", "y"))
    assert found["cust"] == "dropped: the index of a data frame, all values differ"
    assert found["plan"] == "category of 3 values"


@pytest.mark.parametrize(
    ("cells", "task", "classes"),
    [
        (["a", "b"], "classes", ["a", "b"]),
        (["10", "9", "9.0"], "classes", ["9", "10"]),
        (["True", "False"], "classes", ["False", "True"]),
        (["0", "1", "2"], "classes", ["0", "1", "2"]),
        ([str(row) for row in range(30)], "values", []),
        (["0.5", "1.5"], "values", []),
    ],
)
def test_the_task_follows_from_the_target(
    tmp_path: Path, cells: list[str], task: str, classes: list[str]
) -> None:
    rows = "".join(f"{row},{cells[row % len(cells)]}\n" for row in range(60))
    target = read(write(tmp_path, "x,y\n" + rows), "y").target
    assert (target.task, target.classes) == (task, classes)


def test_spellings_of_one_class_are_named_and_not_merged(tmp_path: Path) -> None:
    cells = ["Yes"] * 90 + ["No"] * 90 + ["yes ", "NO", "Yse", "São"] * 3 + ["Sao", "Maybe"] * 30
    rows = "".join(f"{row},{cell}\n" for row, cell in enumerate(cells))
    table = read(write(tmp_path, "x,y\n" + rows), "y")
    assert table.target.classes == ["Maybe", "NO", "No", "Sao", "São", "Yes", "Yse", "yes"]
    notes = [note for note in table.notes if "not merged" in note]
    assert [note.split(" differ")[0].split("; they")[0] for note in notes] == [
        "classes 'No' (90 rows), 'NO' (3 rows)",
        "classes 'Yes' (90 rows), 'yes' (3 rows)",
        "classes 'Sao' (30 rows), 'São' (3 rows)",
        "class 'Yse' (3 rows) is perhaps a typing error of 'Yes'",
    ]


def test_rows_without_a_target_and_lonely_classes_are_left_out_and_said(tmp_path: Path) -> None:
    rows = "1,a\n2,b\n3,\n4,a\n5,b\n6,c\n"
    table = read(write(tmp_path, "x,y\n" + rows), "y")
    np.testing.assert_array_equal(table.rows[:, 0], [1, 2, 4, 5])
    assert "1 rows without a target, such as row 4, are left out" in table.notes
    assert any("class 'c' has only row 7" in note for note in table.notes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("x,y\n", "no rows below the header"),
        ("y\na\nb\na\nb\n", "no column is left beside 'y': it is alone"),
        ("x,x,y\n1,2,a\n", "column 'x' stands twice in the header"),
        ("x,kind\n1,a\n", "--target: no column 'y'; the columns are x, kind"),
        ("x,y\n1,a\n2,b,c\n3,a\n", "row 3: 3 cells for 2 columns"),
        ("x,y,z\n1,a,2\n2,b\n3,a,2\n", "row 3: 2 cells for 3 columns"),
        ("x,y\n1,a\ninf,b\n2,a\n1,b\n", "column 'x', row 3: inf is not a finite number"),
        ("x,y\n1,a\n1e39,b\n2,a\n1,b\n", "column 'x', row 3: 1e+39 is too large; numbers"),
        ("x,y\n1,a\n2,a\n", "column 'y' has only one class, 'a'"),
        ("x,y\n1,\n2,\n", "column 'y', the target, is empty"),
        ("x,y\n" + f"1,{'a' * 300}\n2,b\n" * 4, "'y': the class 'aaaa"),
        ("x,y\n" + "1,a\x1b[31m\n2,b\n" * 4, "'y': the class 'a\\x1b[31m' has a control"),
        ("x,y\n1,a\n2,b\n3,c\n", "column 'y' has 3 different texts in 3 rows"),
        ("x,y\n1,2.5\n2,2.5\n", "column 'y' has only one value, 2.5"),
        ("c,y\n1,a\n1,b\n1,a\n1,b\n", "no column is left beside 'y': c is dropped: constant"),
        ("a (m),a (s),y\n1,2,b\n3,1,c\n4,4,b\n1,3,c\n", "two columns are 'a' but for their unit"),
        ("a\x1bb,y\n0.5,a\n1,b\n3,a\n4,b\n", "the name 'a\\x1bb' has a control character"),
        (f"a ({'b' * 150}),y\n0.5,a\n1,b\n3,a\n4,b\n", "is too long in the header"),
        (",y\n0.5,a\n1,b\n3,a\n4,b\n", "a column has no name in the header"),
        (",".join(f"c{n}" for n in range(20_001)) + "\n", "20001 columns; at most 20000 are read"),
    ],
)
def test_each_mistake_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read(write(tmp_path, text), "y")
    assert message in str(caught.value)
    assert "penguins.csv" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 2000


@given(st.text(max_size=300))
def test_any_text_is_a_table_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(("x,y\n" + text).encode("utf-8", "replace"))
    message, rows = "", 1
    try:
        rows = len(read_table(path, "y").rows)
    except DataError as error:
        message = str(error)
    assert rows
    assert "\n" not in message


def test_spellings_of_one_value_are_named_and_not_merged(tmp_path: Path) -> None:
    towns = ["Berlin", "berlin", "Köln", "Koeln", "Bonn"]
    rows = "".join(f"{row % 7},{town},{'ab'[row % 2]}\n" for row, town in enumerate(towns * 8))
    table = read(write(tmp_path, "x,town,y\n" + rows), "y")
    assert table.features[1].values == sorted(towns)
    notes = [note for note in table.notes if "not merged" in note]
    assert [note.split(" differ")[0] for note in notes] == [
        "column 'town': values 'Berlin' (8 rows), 'berlin' (8 rows)",
        "column 'town': values 'Koeln' (8 rows), 'Köln' (8 rows)",
    ]


def test_texts_that_are_too_long_for_a_value_are_others(tmp_path: Path) -> None:
    texts = ["x" * 250 + "a", "x" * 250 + "b", "short"]
    rows = "".join(f"{row % 7},{texts[row % 3]},{'ab'[row % 2]}\n" for row in range(60))
    table = read(write(tmp_path, "x,text,y\n" + rows), "y")
    feature = table.features[1]
    assert (feature.values, feature.other, feature.missing) == (["short"], True, False)
    assert np.bincount(table.rows[:, 1].astype(int)).tolist() == [20, 40]
    table = read(write(tmp_path, ("x,text,y\n" + rows).replace("short", "y" * 250)), "y")
    assert decisions(table)["text"] == "dropped: texts of more than 200 characters"
