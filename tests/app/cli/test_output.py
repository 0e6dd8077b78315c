"""Numbers in the output of commands."""

import math

from hypothesis import given
from hypothesis import strategies as st

from app.cli.output import short


@given(st.floats(0, 1) | st.floats(0.9999, 1.0001))
def test_only_one_is_printed_as_one(number: float) -> None:
    assert (float(short(number)) == 1) == (number == 1)
    assert math.isclose(float(short(number)), number, rel_tol=1e-3)
