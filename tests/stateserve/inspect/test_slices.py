"""Slices, with NumPy as the oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateserve.errors import InvalidSlice
from stateserve.inspect.slices import take_slice


def bound() -> st.SearchStrategy[str]:
    return st.none().map(lambda _: "") | st.integers(-9, 9).map(str)


parts = st.one_of(
    st.integers(-4, 4).map(str),
    st.tuples(bound(), bound()).map(":".join),
    st.tuples(bound(), bound(), st.integers(-3, 3).filter(bool).map(str)).map(":".join),
    st.just("..."),
)


@given(st.lists(parts, min_size=1, max_size=4).map(",".join))
def test_a_slice_is_what_numpy_makes_of_it(text: str) -> None:
    array = np.arange(24).reshape(4, 6)
    try:
        wanted = eval(f"array[{text}]")
    except IndexError:
        with pytest.raises(InvalidSlice, match=r"of a tensor of shape \[4, 6\]"):
            take_slice(array, text)
        return
    np.testing.assert_array_equal(take_slice(array, text), wanted)


@pytest.mark.parametrize("text", ["", "a", "1.5", "0:2:0", "0:1:2:3", "None", "__import__('os')"])
def test_what_is_not_a_slice_is_refused(text: str) -> None:
    with pytest.raises(InvalidSlice):
        take_slice(np.zeros((4, 6)), text)
