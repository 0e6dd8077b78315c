"""Statistics and histograms, with NumPy over the whole tensor as the oracle."""

import json
import math
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stateserve.checkpoint.arrays import CHUNK
from stateserve.inspect.statistics import histogram, statistics

floats = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0), elements=st.floats(width=32)
)
SPECIALS = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e38]


@st.composite
def long_arrays(draw: st.DrawFn) -> np.ndarray:
    """Arrays of about one or several chunks, with rare values at the chunk borders."""
    size = draw(st.integers(1, 3)) * CHUNK + draw(st.integers(-2, 2))
    mean, std = draw(st.floats(-1e6, 1e6)), draw(st.floats(0, 1e3))
    array = np.random.default_rng(size).normal(mean, std, size).astype(np.float32)
    seams = st.integers(0, size // CHUNK).map(lambda index: index * CHUNK)
    for seam in draw(st.lists(seams, max_size=4)):
        array[seam - 2 : seam + 2] = draw(st.sampled_from(SPECIALS))
    if draw(st.booleans()):
        array[:CHUNK] = np.nan
    return array


@given(st.one_of(floats, long_arrays()))
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


def test_a_spread_far_smaller_than_the_mean_is_kept() -> None:
    values = torch.full((3 * CHUNK,), 1e9, dtype=torch.float64)
    values[::2] += 1e-3
    assert statistics(values).std == pytest.approx(5e-4, rel=1e-3)


@pytest.mark.parametrize("exponent", [-1000, -500, 500, 1000])
def test_squares_beyond_float64_neither_overflow_nor_vanish(exponent: int) -> None:
    scale = 2.0**exponent
    values = np.random.default_rng(0).normal(1, 2, 2 * CHUNK)
    found = statistics(torch.from_numpy(values * scale))
    wanted = [values.mean(), values.std(), np.linalg.norm(values)]
    got = [found.mean, found.std, found.norm]
    np.testing.assert_allclose(got, [value * scale for value in wanted], rtol=1e-9)


@pytest.mark.parametrize(
    "values",
    [
        np.array([2**53 + 1, 2**63 - 1, -(2**63), 5]),
        np.array([2**64 - 1, 2**53 + 1], np.uint64),
        np.array([3, -3], np.int8),
    ],
)
def test_the_ends_of_integers_are_exact(values: np.ndarray) -> None:
    found = statistics(values)
    assert (found.min, found.max) == (int(values.min()), int(values.max()))
    assert json.loads(json.dumps(found.max)) == int(values.max())
    assert found.mean == pytest.approx(sum(map(int, values)) / len(values), rel=1e-15)


def test_a_norm_that_float64_cannot_hold_is_none() -> None:
    found = statistics(torch.full((4,), 1.7e308, dtype=torch.float64))
    assert found.norm is None
    assert found.mean == pytest.approx(1.7e308)
    assert found.std == 0


@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.float64]
)
def test_every_dtype_is_read(dtype: torch.dtype) -> None:
    found = statistics(torch.tensor([[0, 1], [1, 1]]).to(dtype))
    assert (found.min, found.max, found.mean, found.zeros) == (0, 1, 0.75, 1)
    assert found.norm == pytest.approx(math.sqrt(3))


@given(st.one_of(floats, long_arrays()), st.integers(1, 20))
def test_a_histogram_counts_every_finite_element(array: np.ndarray, bins: int) -> None:
    found = histogram(array, bins)
    assert len(found.counts) == bins
    assert len(found.edges) == bins + 1
    assert sum(found.counts) == np.isfinite(array).sum()


def test_a_histogram_of_many_chunks_is_numpys() -> None:
    array = np.random.default_rng(0).normal(size=(3, CHUNK, 2)).astype(np.float32)
    for view in (array, array[::-1, 1::3, :1], array.T):
        counts, edges = np.histogram(view.astype(np.float64), 50)
        found = histogram(view, 50)
        assert found.counts == counts.tolist()
        np.testing.assert_array_equal(found.edges, edges)


def test_memory_does_not_grow_with_the_tensor() -> None:
    tensor = torch.ones(128 * CHUNK)
    tensor[::1000] = math.nan
    # tracemalloc counts NumPy's memory, not torch's, which is the smaller part.
    tracemalloc.start()
    statistics(tensor)
    histogram(tensor.numpy(), 10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < tensor.nbytes / 8
