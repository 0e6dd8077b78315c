"""A column is found by its name with or without the unit, in any case."""

from pathlib import Path

import pytest

from training.errors import DataError
from training.header import column_of

FILE = Path("flats.csv")
HEADER = ["Rooms", "rent (EUR)", "area (m)", "Area (s)", "size [m2]"]


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("rent (EUR)", "rent (EUR)"),
        ("rent", "rent (EUR)"),
        ("RENT", "rent (EUR)"),
        ("Rent (eur)", "rent (EUR)"),
        ("rooms", "Rooms"),
        ("Area", "Area (s)"),
    ],
)
def test_a_column_is_found_without_its_unit_and_in_other_case(name: str, column: str) -> None:
    assert column_of(FILE, HEADER, name, "--target") == column


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("AREA", "'AREA' may be 'area (m)' and 'Area (s)': give the whole name"),
        ("rents", "did you mean 'rent (EUR)'?"),
        ("size", "did you mean 'size [m2]'?"),
        ("nothing", "no column 'nothing'; the columns are Rooms, rent (EUR), "),
    ],
)
def test_a_column_that_is_not_clear_is_refused(name: str, said: str) -> None:
    with pytest.raises(DataError) as caught:
        column_of(FILE, HEADER, name, "--target")
    assert said in str(caught.value)
