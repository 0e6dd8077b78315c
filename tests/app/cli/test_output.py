"""Numbers and tables in the output of commands."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.output import MOST_FOLDED_ROWS, print_table, short, table


@given(st.floats(0, 1) | st.floats(0.9999, 1.0001))
def test_only_one_is_printed_as_one(number: float) -> None:
    assert (float(short(number)) == 1) == (number == 1)
    assert math.isclose(float(short(number)), number, rel_tol=1e-3)


def test_a_long_table_looks_as_a_short_one(capsys: pytest.CaptureFixture[str]) -> None:
    def printed(count: int) -> list[str]:
        rows = table("name", "Größe", "last")
        for number in range(count):
            rows.add_row(str(number % 90), "日本\x1b" * (number % 3), "x" * (number % 7))
        print_table(rows)
        return [line.rstrip() for line in capsys.readouterr().out.splitlines()]

    assert printed(MOST_FOLDED_ROWS + 1)[: MOST_FOLDED_ROWS + 1] == printed(MOST_FOLDED_ROWS)
