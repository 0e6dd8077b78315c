"""Singular values and ranks, with NumPy and torch as the oracle."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stateserve.errors import StateMismatch
from stateserve.inspect.spectra import Spectrum, matrix_shape, spectrum


def spectrum_of(matrix: NDArray[np.generic], chunk: int = 1000) -> Spectrum:
    flat = matrix.reshape(-1)
    chunks = [flat[at : at + chunk] for at in range(0, flat.size, chunk)]
    return spectrum(*matrix.shape, chunks)


@given(st.integers(1, 60), st.integers(1, 12), st.integers(1, 100), st.integers(0, 2**32 - 1))
def test_values_are_those_of_torch_for_any_chunks(
    rows: int, columns: int, chunk: int, seed: int
) -> None:
    matrix = np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)
    found = spectrum_of(matrix, chunk)
    expected = torch.linalg.svdvals(torch.from_numpy(matrix).double())
    np.testing.assert_allclose(found.singular_values, expected, rtol=1e-9, atol=1e-12)
    assert found.rank == np.linalg.matrix_rank(matrix)
    norms = torch.linalg.matrix_norm(torch.from_numpy(matrix).double())
    assert found.stable_rank == pytest.approx((norms / expected[0]).item() ** 2)
    entropy = torch.distributions.Categorical(expected).entropy()
    assert found.effective_rank == pytest.approx(entropy.exp().item())


def test_a_matrix_of_zeros_has_rank_zero_and_an_identity_all() -> None:
    zeros = spectrum_of(np.zeros((3, 2)))
    assert (zeros.rank, zeros.effective_rank, zeros.stable_rank) == (0, 0, 0)
    whole = spectrum_of(np.eye(7))
    assert (whole.rank, whole.above_random) == (7, 0)
    assert (whole.effective_rank, whole.stable_rank) == (pytest.approx(7), pytest.approx(7))


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_very_large_and_small_numbers_keep_their_ranks(scale: float) -> None:
    matrix = np.random.default_rng(0).normal(size=(40, 5))
    found, expected = spectrum_of(matrix * scale), spectrum_of(matrix)
    assert found.stable_rank == pytest.approx(expected.stable_rank)
    assert found.effective_rank == pytest.approx(expected.effective_rank)


def test_a_strong_direction_stands_out_of_a_random_matrix() -> None:
    noise = np.random.default_rng(0).normal(size=(200, 100))
    assert spectrum_of(noise).above_random == 0
    assert spectrum_of(noise + 1).above_random == 1


def test_a_convolution_is_its_kernels_as_rows() -> None:
    assert matrix_shape([8, 3, 5, 5]) == (8, 75)
    assert matrix_shape([8]) is matrix_shape([]) is matrix_shape([3, 0]) is None


@pytest.mark.parametrize("shape", [(2**13, 2**13), (2**40, 2**9), (1, 2**25)])
def test_what_is_too_large_is_refused_before_it_is_read(shape: tuple[int, int]) -> None:
    with pytest.raises(StateMismatch, match=f"of {shape[0]} x {shape[1]}: more than"):
        spectrum(*shape, iter([]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_elements_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(StateMismatch, match="NaN or infinite"):
        spectrum_of(np.array([[1.0, value]]))
    with pytest.raises(StateMismatch, match="complex"):
        spectrum_of(np.ones((2, 2), np.complex64))
