"""Floats with few digits: each reads back as itself, and has NumPy's shortest text."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.predict.codecs.tensors.short_floats import widen


def read_back(values: np.ndarray) -> np.ndarray:
    return np.array([float(repr(float(each))) for each in widen(values)]).astype(values.dtype)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_every_float_of_16_bits_reads_back(dtype: type) -> None:
    values = np.arange(2**16, dtype=np.uint16).view(dtype)
    # A signalling NaN gives a warning.
    with np.errstate(invalid="ignore"):
        values = values[np.isfinite(values)]
    np.testing.assert_array_equal(read_back(values), values)


@given(arrays(np.float32, 100, elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_a_float32_has_the_shortest_text(values: np.ndarray) -> None:
    np.testing.assert_array_equal(read_back(values), values)
    assert [len(repr(float(each))) for each in widen(values)] == [
        len(repr(float(str(each)))) for each in values
    ]


def test_many_values_are_written_as_one_value_is() -> None:
    values = np.array([0.1, 1 / 3, 1e-30, 1e-45, 2.5, 1e20, 16777216, -7, np.nan, np.inf], "f4")
    few = widen(values).tolist()
    assert [repr(each) for each in widen(np.tile(values, 20)).tolist()] == [
        repr(each) for each in few * 20
    ]
    assert few[:8] == [0.1, 0.33333334, 1e-30, 1e-45, 2.5, 1e20, 16777216, -7]


def test_float64_is_unchanged() -> None:
    assert widen(np.array([[1 / 3]])).tolist() == [[1 / 3]]
