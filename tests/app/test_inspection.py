"""Statistics, slices and histograms, with torch and NumPy as the oracle."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from app.errors import InvalidQuery
from app.inspection import describe_module, histogram, json_values, statistics, take_slice, totals
from app.multiclass import Multiclass

floats = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0), elements=st.floats(width=32)
)


@given(floats)
def test_statistics_are_numpys_over_the_finite_elements(array: np.ndarray) -> None:
    found = statistics(torch.from_numpy(array))
    finite = array[np.isfinite(array)].astype(np.float64)
    assert found.non_finite == array.size - finite.size
    assert found.zeros == (array == 0).sum()
    if finite.size:
        wanted = [finite.min(), finite.max(), finite.mean(), finite.std(), np.linalg.norm(finite)]
        got = [found.min, found.max, found.mean, found.std, found.norm]
        scale = np.abs(finite).max()
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9 * scale)
    else:
        assert found.min is found.max is found.mean is found.std is found.norm is None


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
        with pytest.raises(InvalidQuery, match=r"of a tensor of shape \[4, 6\]"):
            take_slice(array, text)
        return
    np.testing.assert_array_equal(take_slice(array, text), wanted)


@pytest.mark.parametrize("text", ["", "a", "1.5", "0:2:0", "0:1:2:3", "None", "__import__('os')"])
def test_what_is_not_a_slice_is_refused(text: str) -> None:
    with pytest.raises(InvalidQuery):
        take_slice(np.zeros((4, 6)), text)


@given(floats, st.integers(1, 20))
def test_a_histogram_counts_every_finite_element(array: np.ndarray, bins: int) -> None:
    found = histogram(array, bins)
    assert len(found.counts) == bins
    assert len(found.edges) == bins + 1
    assert sum(found.counts) == np.isfinite(array).sum()


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
