"""Reads CSV files: accepted forms, and each error in one line with column and row."""

from pathlib import Path

import numpy as np
import pytest

from training.data import iris, read_csv
from training.errors import DataError

GOOD = """\
petal length (cm),width,species
1.4,0.2,setosa
4.7,1.4,versicolor
1.3,0.2,setosa
4.5,1.5,versicolor
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "flowers.csv"
    path.write_text(text)
    return path


def test_iris_has_units_and_three_species() -> None:
    dataset = iris()
    assert dataset.features.shape == (150, 4)
    assert dataset.features.dtype == np.float32
    assert dataset.feature_names[0] == "sepal_length"
    assert dataset.units == ["cm"] * 4
    assert dataset.classes == ["setosa", "versicolor", "virginica"]


def test_a_csv_brings_its_own_names_units_and_classes(tmp_path: Path) -> None:
    dataset = read_csv(write(tmp_path, GOOD), "species", "flowers")
    assert dataset.feature_names == ["petal length", "width"]
    assert dataset.units == ["cm", None]
    assert dataset.classes == ["setosa", "versicolor"]
    np.testing.assert_array_equal(dataset.labels, [0, 1, 0, 1])
    np.testing.assert_array_equal(dataset.features[:, 0], np.float32([1.4, 4.7, 1.3, 4.5]))


def test_numeric_classes_are_sorted_by_value(tmp_path: Path) -> None:
    rows = "".join(f"1.0,{label}\n" for label in (10, 9, 10, 9))
    assert read_csv(write(tmp_path, "x,y\n" + rows), "y", "n").classes == ["9", "10"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("width,species\n", "needs a header, rows"),
        ("species\na\nb\n", "needs a header, rows, and a column beside 'species'"),
        ("width,width,species\n1,2,a\n", "column 'width' stands twice in the header"),
        ("width,kind\n1,a\n", "no column 'species'; the columns are width, kind"),
        ("width,species\n1,a\n,b\n", "column 'width', row 3: missing value"),
        ("width,species\n1,a\nNA,b\n", "column 'width', row 3: missing value"),
        ("width,species\n1,a\n2\n", "column 'species', row 3: missing value"),
        ("width,species\n1,a\nwide,b\n", "column 'width', row 3: 'wide' is not a finite"),
        ("width,species\n1,a\ninf,b\n", "column 'width', row 3: 'inf' is not a finite"),
        ("width,species\n1,a\n1e39,b\n", "column 'width', row 3: '1e39' is not a finite"),
        ("width,species\n1,a\n2,a\n", "column 'species' has only one class, 'a'"),
        ("width,species\n1,a\n2,a\n3,b\n", "column 'species', row 4: class 'b' has only this row"),
        ("width,species\n1,a\n2,b,c\n", "Expected 2 fields in line 3, saw 3"),
    ],
)
def test_each_mistake_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read_csv(write(tmp_path, text), "species", "flowers")
    assert message in str(caught.value)
    assert "flowers.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_csv(tmp_path / "absent.csv", "species", "flowers")
    (tmp_path / "latin.csv").write_bytes(b"caf\xe9,species\n")
    with pytest.raises(DataError, match="not UTF-8 at byte 3"):
        read_csv(tmp_path / "latin.csv", "species", "flowers")
