"""`stateserve predict` reads the cells of a table by the kinds of its features."""

from pathlib import Path

import pytest

from app.cli.flowers import read_options, read_table
from app.errors import InvalidInput
from stateserve.model import Feature

FEATURES = [
    Feature(name="island", kind="category", values=["Biscoe", "Dream"], missing=True),
    Feature(name="city", kind="category", values=["Bonn"], other=True),
    Feature(name="tagged", kind="boolean"),
    Feature(name="mass", missing=True),
]
HEADER = "island,city,tagged,mass\n"


def test_cells_become_the_values_of_their_features(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(HEADER + "Dream,Ulm,TRUE,4.5\nNA,Bonn,false,\n")
    assert read_table(path, FEATURES, []).flowers == [
        {"island": "Dream", "city": "Ulm", "tagged": True, "mass": 4.5},
        {"island": None, "city": "Bonn", "tagged": False, "mass": None},
    ]
    options = ["--island", "Biscoe", "--city", "Ulm", "--tagged", "true", "--mass=NA"]
    expected = {"island": "Biscoe", "city": "Ulm", "tagged": True, "mass": None}
    assert read_options(options, FEATURES) == expected


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("Mars,Ulm,true,1", "column 'island', row 2: 'Mars' is none of Biscoe, Dream"),
        ("Dream,,true,1", "column 'city', row 2: missing value"),
        ("Dream,Ulm,yes,1", "column 'tagged', row 2: 'yes' is not true or false"),
        ("Dream,Ulm,true,heavy", "column 'mass', row 2: 'heavy' is not a finite number"),
    ],
)
def test_another_cell_is_named(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(HEADER + row + "\n")
    with pytest.raises(InvalidInput, match=message):
        read_table(path, FEATURES, [])
