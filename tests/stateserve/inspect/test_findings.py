"""NaN, infinity, constants and rows of zeros, with NumPy as the oracle."""

import ml_dtypes
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from stateserve.checkpoint.arrays import CHUNK
from stateserve.checkpoint.dtypes import DTYPES
from stateserve.checkpoint.sources import Memory
from stateserve.checkpoint.storage import Storage
from stateserve.checkpoint.tensors import LazyTensor
from stateserve.inspect.findings import Dead, Found, find
from stateserve.inspect.statistics import statistics

few = st.sampled_from([0.0, 0.0, 0.0, -0.0, 1.0, np.nan, np.inf, -np.inf])
shapes = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


def first(mask: NDArray[np.bool_]) -> Found | None:
    count = int(mask.sum())
    return Found(count, np.argwhere(mask)[0].tolist()) if count else None


def dead(array: NDArray[np.float32], axis: int) -> Dead | None:
    zero = (array == 0).all(tuple(each for each in range(array.ndim) if each != axis))
    return Dead(int(zero.sum()), np.flatnonzero(zero).tolist()) if zero.any() else None


@given(hnp.arrays(np.float32, shapes, elements=few))
def test_findings_are_numpys(array: NDArray[np.float32]) -> None:
    found = find(array)
    assert (found.nan, found.infinite) == (first(np.isnan(array)), first(np.isinf(array)))
    constant = array.size > 1 and (array == array.flat[0]).all()
    assert found.constant == (array.flat[0] if constant else None)
    if array.ndim > 1 and array.size and not constant:
        assert (found.dead_rows, found.dead_columns) == (dead(array, 0), dead(array, 1))
    else:
        assert found.dead_rows is found.dead_columns is None


def test_what_is_in_a_later_chunk_is_found() -> None:
    array = np.zeros((3, CHUNK), np.float32)
    array[1, 5] = 1
    assert find(array).dead_rows == Dead(2, [0, 2])
    assert find(array).dead_columns.count == CHUNK - 1
    array[2, 7] = np.nan
    assert find(array).nan == Found(1, [2, 7])
    assert find(array).dead_rows == Dead(1, [0])


@given(st.integers(1, 70000), st.integers(1, 5))
def test_rows_of_any_length_cross_chunks(row: int, kernel: int) -> None:
    array = np.zeros((3, row, kernel), np.int8)
    array[0, -1, -1] = array[2, 0, 0] = 1
    found = find(array)
    assert found.dead_rows == Dead(1, [1])
    alive = len({0, row - 1})
    assert (found.dead_columns.count if found.dead_columns else 0) == row - alive


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_is_read_lazily(dtype: str) -> None:
    array = np.ones((2, 3)).astype(DTYPES[dtype])
    tensor = LazyTensor(Storage(Memory(array.tobytes())), dtype, [2, 3])
    expected = None if dtype.startswith("complex") else 1.0
    assert find(tensor).constant == expected


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float8_e5m2", "complex64"])
def test_nan_and_infinity_of_narrow_dtypes(dtype: str) -> None:
    found = find(np.array([0, np.inf, np.nan]).astype(DTYPES[dtype]))
    assert (found.infinite, found.nan) == (Found(1, [1]), Found(1, [2]))


def test_integers_past_float64_are_no_constant() -> None:
    assert find(torch.tensor([2**53, 2**53 + 1])).constant is None
    assert find(torch.tensor([2**53 + 1, 2**53 + 1])).constant == 2**53 + 1
    assert find(np.array([1, 2], ml_dtypes.float8_e8m0fnu)).nan is None


def test_a_signalling_nan_is_found_without_a_warning() -> None:
    array = np.array([[0x7F81, 0x3F80]], np.uint16).view(ml_dtypes.bfloat16)
    assert find(array).nan == Found(1, [0, 0])
    assert statistics(array).mean == 1
