"""Blocks of a tensor against the mean and range of each block."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from stateserve.inspect import downsample


def expected(matrix: np.ndarray, rows: int, columns: int) -> np.ndarray:
    return np.array(
        [
            [
                [block.mean(), block.min(), block.max()]
                for block in np.array_split(
                    band, np.arange(1, columns) * band.shape[1] // columns, 1
                )
            ]
            for band in np.array_split(matrix, np.arange(1, rows) * len(matrix) // rows)
        ]
    )


@given(
    array=npst.arrays(
        np.float32,
        npst.array_shapes(max_dims=4, max_side=9),
        elements=st.floats(-100, 100, width=32),
    ),
    rows=st.integers(1, 12),
    columns=st.integers(1, 12),
)
def test_a_cell_is_the_mean_and_range_of_its_block(
    array: np.ndarray, rows: int, columns: int
) -> None:
    matrix = array.reshape(len(array) if array.ndim > 1 else 1, -1).astype(np.float64)
    rows, columns = min(rows, len(matrix)), min(columns, matrix.shape[1])
    found = downsample(array, rows, columns)
    assert found.read == array.size
    stacked = np.stack([found.mean, found.low, found.high], axis=-1)
    np.testing.assert_allclose(stacked, expected(matrix, rows, columns), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(1000, 50), (5, 14_000), (100_000,), (3, 5, 7000)])
def test_of_a_large_tensor_evenly_spaced_elements_are_read(shape: tuple[int, ...]) -> None:
    # Its values are their places, so a block's mean tells where it is.
    array = np.arange(math.prod(shape), dtype=np.float32).reshape(shape)
    found = downsample(array, 5, 5, most=2000)
    assert found.read < 2 * 2000 < array.size
    whole = downsample(array, 5, 5)
    assert np.abs(found.mean - whole.mean).max() < array.size / 50
    assert (found.low >= whole.low).all()
    assert (found.high <= whole.high).all()


def test_what_is_not_finite_is_left_out() -> None:
    array = np.array([[np.nan, 1, 3], [np.inf, np.nan, -np.inf]], np.float32)
    found = downsample(array, 2, 1)
    assert found.mean[0, 0] == 2
    assert np.isnan(found.low[1, 0])


@pytest.mark.parametrize("array", [np.zeros((0, 3)), np.zeros((3, 0)), np.zeros(0)])
def test_a_tensor_without_elements_has_no_blocks(array: np.ndarray) -> None:
    assert downsample(array, 4, 4).mean.size == 0


def test_any_dtype_and_stride() -> None:
    assert downsample(np.array(3.0), 2, 2).mean.tolist() == [[3.0]]
    assert downsample(np.array([[True, False]]), 1, 1).mean.tolist() == [[0.5]]
    assert downsample(np.array([3 + 4j]), 1, 1).high.tolist() == [[5.0]]
    turned = np.arange(6).reshape(2, 3).T[::-1]
    assert downsample(turned, 3, 2).mean.tolist() == turned.tolist()
