"""Numbers are read as the programs of a country write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateserve.tables.numbers import Mark, decimal_mark, read_numbers
from stateserve.tables.reading import read_text

NUMBERS = st.lists(
    st.floats(-1e9, 1e9, allow_nan=False).map(lambda number: round(number, 2)),
    min_size=1,
    max_size=30,
)


def written(number: float, group: str, point: str) -> str:
    """With two decimals, as the locales of Python would write it."""
    return f"{number:,.2f}".replace(",", "_").replace(".", point).replace("_", group)


@given(
    NUMBERS,
    st.sampled_from([(",", "."), (".", ","), (" ", ","), ("\u202f", ","), ("'", "."), ("", ",")]),
    st.sampled_from(["{}", "{} %", "${}", "{} €", "CHF {}", "{}円"]),
)
def test_a_column_with_two_decimals_is_read_in_any_country(
    numbers: list[float], marks: tuple[str, str], sign: str
) -> None:
    texts = [sign.format(written(number, *marks)) for number in numbers]
    assert read_numbers(texts).values.tolist() == numbers


@pytest.mark.parametrize(
    ("texts", "mark", "numbers"),
    [
        (["1,234", "12,000", "7"], None, [1234, 12000, 7]),
        (["1,234", "12,000", "7"], ",", [1.234, 12, 7]),
        (["1,234", "0,5", "7"], None, [1.234, 0.5, 7]),
        (["1.234", "12.000", "7"], None, [1.234, 12, 7]),
        (["1.234", "12.000", "7"], ",", [1234, 12000, 7]),
        (["1.234", "12.5", "7"], ",", [1.234, 12.5, 7]),
        (["1.234.567", "5,5"], None, [1234567, 5.5]),
        (["1,23,456", "2,000"], None, [123456, 2000]),
        (["(5)", "(1,200)", "−3"], None, [-5, -1200, -3]),
        (["5 kg", "12kg", "3"], None, [5, 12, 3]),
        (["1,5 °C", "-2 °C"], None, [1.5, -2]),
        (["5月", "12月"], None, [5, 12]),
        (["5a", "6b", "7a"], None, [math.nan] * 3),
        (["-$5", "$-5", "$5"], None, [-5, -5, 5]),
        (["1e3", "-2E-2", ".5", "5.", "+4"], None, [1000, -0.02, 0.5, 5, 4]),
        (["１２", "３．５"], None, [12, math.nan]),
        (["1_000", "0x10", "1,2,3", "12 34", "", None], None, [math.nan] * 6),
    ],
)
def test_marks_that_may_be_either_are_read_as_the_rest(
    texts: list[str | None], mark: Mark | None, numbers: list[float]
) -> None:
    found = read_numbers(texts, mark).values.tolist()
    assert found == pytest.approx(numbers, nan_ok=True)


@pytest.mark.parametrize(
    ("columns", "separator", "mark"),
    [
        ([["1,5"], ["1.000"]], "\t", ","),
        ([["1.5"], ["1,000"]], ";", "."),
        ([["1,000"]], ";", ","),
        ([["1,000"]], ",", None),
        ([["a,b", "3.5.2024", None]], ",", None),
    ],
)
def test_the_mark_of_a_file_is_that_of_its_sure_cells(
    columns: list[list[str | None]], separator: str, mark: Mark | None
) -> None:
    assert decimal_mark(columns, separator) == mark


def test_a_mark_in_one_column_decides_about_another() -> None:
    sheet = read_text("t", b"price;count\n0,5;1.000\n1,25;950\n2,5;12.500\n")
    price, count = (column.numbers(sheet.mark).values.tolist() for column in sheet.columns)
    assert (price, count) == ([0.5, 1.25, 2.5], [1000, 950, 12500])
