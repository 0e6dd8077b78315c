"""Entries, totals and slices, with NumPy as the oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateserve.errors import InvalidSlice
from stateserve.inspect.entries import json_values, take_slice, totals
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.model import describe_module


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


def test_values_that_json_lacks_are_null() -> None:
    array = np.array([[1.5, np.nan], [np.inf, -0.0]], np.float32)
    assert json_values(array) == [[1.5, None], [None, -0.0]]
    assert json_values(np.array(2.5)) == 2.5


def test_buffers_are_told_from_parameters() -> None:
    module = Multiclass(batch_norm=True)
    module.hidden.bias.requires_grad_(False)
    entries = {entry.name: entry for entry in describe_module(module)}
    assert list(entries) == list(module.state_dict())
    assert [name for name, entry in entries.items() if entry.kind == "buffer"] == [
        "norm.running_mean",
        "norm.running_var",
        "norm.num_batches_tracked",
    ]
    assert not entries["hidden.bias"].trainable
    assert entries["norm.weight"].trainable
    assert not entries["norm.running_mean"].trainable
    found = totals(list(entries.values()))
    assert found.parameters == sum(p.numel() for p in module.parameters())
    assert found.buffers == sum(b.numel() for b in module.buffers())
