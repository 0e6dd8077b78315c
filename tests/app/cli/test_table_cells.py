"""`stateserve predict` reads the cells of a table by the kinds of its features."""

from pathlib import Path

import pytest

from app.cli.feature_options import read_options
from stateserve.errors import TableError
from stateserve.model import Feature
from stateserve.tables import TableInstances, Wanted, read_instances, read_sheet

FEATURES = [
    Feature(name="island", kind="category", values=["Biscoe", "Dream"], missing=True),
    Feature(name="city", kind="category", values=["Bonn"], other=True),
    Feature(name="tagged", kind="boolean"),
    Feature(name="mass", missing=True),
]
CODES = Feature(name="postcode", kind="category", values=["01067", "1100", "10115"])


def read(path: Path) -> TableInstances:
    return read_instances(read_sheet(path), Wanted(FEATURES))


HEADER = "island,city,tagged,mass\n"


def test_cells_become_the_values_of_their_features(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(HEADER + "Dream,Ulm,TRUE,4.5\nNA,Bonn,false,\n")
    assert read(path).instances == [
        {"island": "Dream", "city": "Ulm", "tagged": True, "mass": 4.5},
        {"island": None, "city": "Bonn", "tagged": False, "mass": None},
    ]
    options = ["--island", "Biscoe", "--city", "Ulm", "--tagged", "true", "--mass=NA"]
    expected = {"island": "Biscoe", "city": "Ulm", "tagged": True, "mass": None}
    notes: list[str] = []
    assert read_options(options, FEATURES, notes) == expected
    assert notes == []
    assert read_options([*options[:-1], "--mass=x"], FEATURES, notes) == expected
    assert notes == ["--mass: 'x' is no number, and counts as missing"]


def test_a_code_with_a_leading_zero_is_only_the_same_text(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("postcode\n01067\n10115\n1100\n")
    found = read_instances(read_sheet(path), Wanted([CODES]))
    assert found.columns == {"postcode": ["01067", "10115", "1100"]}
    assert read_options(["--postcode", "01067"], [CODES], []) == {"postcode": "01067"}
    for other in ("1067", "01100", "10115.0"):
        path.write_text(f"postcode\n{other}\n")
        with pytest.raises(TableError, match=f"'{other}' is none of 01067, 1100, 10115"):
            read_instances(read_sheet(path), Wanted([CODES]))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("Mars,Ulm,true,1", "column 'island', row 2: 'Mars' is none of Biscoe, Dream"),
        ("Dream,,true,1", "column 'city', row 2: missing value"),
        ("Dream,Ulm,true,1,x", "column 'depth', row 2: 'x' counts as a missing value"),
        ("Dream,Ulm,true,1,NA", "column 'depth', row 2: missing value"),
        ("Dream,Ulm,yes,1", "column 'tagged', row 2: 'yes' is not true or false"),
        ("Dream,Ulm,true,heavy", "column 'mass', row 2: 'heavy' is not a finite number"),
    ],
)
def test_another_cell_is_named(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"{HEADER.rstrip()},depth\n{row if row.count(',') == 4 else row + ',1'}\n")
    with pytest.raises(TableError, match=message):
        read_instances(read_sheet(path), Wanted([*FEATURES, Feature(name="depth")]))
