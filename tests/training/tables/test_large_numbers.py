"""Whole numbers that float64 lacks are classes, categories and identifiers of their own."""

from pathlib import Path

import narwhals
import numpy as np
import pandas as pd
import pytest

from stateserve.client.frames.sheet import read_frame
from stateserve.model import Feature
from stateserve.tables import Wanted, class_dtype, read_instances, read_sheet, typed_classes
from tests.tables import write
from training.errors import DataError
from training.tables.columns import Choices
from training.tables.table import read_table

# As float64, the first two are one number.
NAMES = [10**17 + 1, 10**17 + 2, 10**17 + 33]
FORMATS = ["csv", "parquet", "feather", "xlsx"]


def save(folder: Path, form: str, **columns: object) -> Path:
    path = folder / f"table.{form}"
    frame = pd.DataFrame({"size": np.linspace(0, 1, 60) ** 2, **columns})
    if form == "xlsx":
        pytest.importorskip("openpyxl")
        # Excel has no such numbers, and other programs write them as text.
        frame = frame.astype({name: str for name in columns if name != "kind"})
    {
        "csv": lambda: frame.to_csv(path, index=False),
        "parquet": lambda: frame.to_parquet(path),
        "feather": lambda: frame.to_feather(path),
        "xlsx": lambda: frame.to_excel(path, index=False),
    }[form]()
    return path


@pytest.mark.parametrize("form", FORMATS)
def test_large_numbers_are_classes_of_their_own(tmp_path: Path, form: str) -> None:
    path = save(tmp_path, form, number=NAMES * 20)
    table = read_table(path, "number")
    assert table.target.classes == [*map(str, NAMES)]
    assert np.bincount(table.target.values).tolist() == [20, 20, 20]
    sheet = read_sheet(path)
    truth = read_instances(sheet, Wanted(table.features, table.target.classes, "number")).truth
    assert truth is not None
    assert truth.values == [*map(str, NAMES)] * 20


@pytest.mark.parametrize("form", FORMATS)
def test_large_numbers_are_categories_of_their_own(tmp_path: Path, form: str) -> None:
    path = save(tmp_path, form, number=NAMES * 20, kind=["a", "b", "c"] * 20)
    table = read_table(path, "kind", Choices(category=["number"]))
    (feature,) = (each for each in table.features if each.name == "number")
    assert feature.values == [*map(str, NAMES)]
    found = read_instances(read_sheet(path), Wanted(table.features)).columns["number"]
    assert found == [*map(str, NAMES)] * 20
    notes = read_table(path, "kind").notes
    assert any("'number'" in note and "--category number" in note for note in notes)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_large_identifiers_all_differ_and_large_groups_are_kept(tmp_path: Path, form: str) -> None:
    kind = ["a", "b"] * 30
    path = save(tmp_path, form, account_id=[10**17 + row for row in range(60)], kind=kind)
    (decided,) = (each for each in read_table(path, "kind").decided if each.name == "account_id")
    assert decided.decision == "dropped: an identifier, all values differ"
    path = save(tmp_path, form, owner=[10**17 + row // 4 for row in range(60)], kind=kind)
    groups = read_table(path, "kind", Choices(group="owner")).groups
    assert len(np.unique(groups)) == 15


def test_numbers_of_other_forms_are_the_same_class_if_they_are_the_same_number(
    tmp_path: Path,
) -> None:
    rows = ["1e17", "100000000000000000", "100000000000000001", "+100000000000000001.0", "5", "5.0"]
    text = "size,number\n" + "".join(f"{place},{row}\n" for place, row in enumerate(rows * 4))
    table = read_table(write(tmp_path, text), "number", task="classes")
    assert table.target.classes == ["5", "100000000000000000", "100000000000000001"]
    assert np.bincount(table.target.values).tolist() == [8, 8, 8]


def test_classes_get_a_dtype_that_tells_them_apart() -> None:
    texts = [*map(str, NAMES)]
    assert typed_classes(texts, class_dtype(texts)) == NAMES
    beyond = [str(10**30 + 1), str(10**30 + 2)]
    assert typed_classes(beyond, class_dtype(beyond)) == beyond


def test_values_that_float32_merges_are_refused_with_their_number(tmp_path: Path) -> None:
    path = save(tmp_path, "csv", number=NAMES * 20)
    with pytest.raises(DataError, match="its 3 values are one in float32"):
        read_table(path, "number", task="values")


@pytest.mark.parametrize("number", ["3.177420198297102e+38", "-2e30"])
def test_a_number_beyond_the_limit_is_refused_with_the_limit(tmp_path: Path, number: str) -> None:
    rows = "".join(f"{number if row == 7 else row / 7},{'ab'[row % 2]}\n" for row in range(40))
    with pytest.raises(DataError, match=r"row 9: .* too large; numbers from -1e\+30 to 1e\+30"):
        read_table(write(tmp_path, "size,kind\n" + rows), "kind")


def test_large_numbers_of_a_dataframe_are_categories() -> None:
    code = Feature(name="code", kind="category", values=[*map(str, NAMES)])
    frame = narwhals.from_native(pd.DataFrame({"code": NAMES}))
    assert read_frame(frame, [code], np.arange(len(NAMES))) == [
        {"code": str(each)} for each in NAMES
    ]
