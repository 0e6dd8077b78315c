"""The compiled forward pass, with the module as the oracle."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stateserve.model.architectures.compiled import compile_forward
from stateserve.model.architectures.multiclass import Multiclass

sizes = st.tuples(st.integers(1, 6), st.integers(1, 9), st.integers(2, 5))


@given(sizes, st.booleans(), st.integers(0, 2**32 - 1), st.integers(0, 40))
def test_it_answers_as_the_module(
    size: tuple[int, int, int], batch_norm: bool, seed: int, count: int
) -> None:
    torch.manual_seed(seed)
    module = Multiclass(*size, batch_norm=batch_norm)
    rows = torch.randn(count, size[0]) * 10
    if batch_norm:
        module(torch.randn(20, size[0]) * 7 + 3)
    module.eval()
    with torch.inference_mode():
        wanted = module(rows).numpy()
    found = compile_forward(module)(rows.numpy())
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-4)


def test_a_large_batch_answers_as_its_rows() -> None:
    forward = compile_forward(Multiclass().eval())
    rows = np.random.default_rng(0).uniform(0, 8, (1000, 4)).astype(np.float32)
    alone = np.concatenate([forward(row[np.newaxis]) for row in rows])
    np.testing.assert_allclose(forward(rows), alone, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("value", [3e38, -3e38])
def test_overflow_is_not_finite_and_no_warning(value: float) -> None:
    module = Multiclass().eval()
    with torch.no_grad():
        module.hidden.weight.fill_(1e5)
    found = compile_forward(module)(np.full((1, 4), value, np.float32))
    with torch.inference_mode():
        wanted = module(torch.full((1, 4), value)).numpy()
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(wanted))
