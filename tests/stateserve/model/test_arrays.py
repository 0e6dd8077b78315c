"""Arrays and tensors of every dtype that is served, over the same memory."""

import ml_dtypes
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from stateserve.model.arrays import is_float, numpy_dtype, to_array, to_tensor
from stateserve.model.signature import DTYPES

NUMPY = {name: np.dtype(getattr(ml_dtypes, name, name)) for name in DTYPES}


@given(st.data(), st.sampled_from(DTYPES))
def test_every_dtype_goes_to_a_tensor_and_back(data: st.DataObject, name: str) -> None:
    shape = data.draw(array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    size = NUMPY[name].itemsize
    raw = data.draw(arrays(np.uint8, (*shape, size), elements=st.integers(0, 1)))
    array = np.ascontiguousarray(raw).view(NUMPY[name]).reshape(shape)
    tensor = to_tensor(array)
    assert str(tensor.dtype) == f"torch.{name}"
    assert list(tensor.shape) == list(shape)
    assert to_array(tensor).tobytes() == array.tobytes()


@pytest.mark.parametrize("name", DTYPES)
def test_memory_is_shared_and_dtypes_correspond(name: str) -> None:
    dtype = getattr(torch, name)
    tensor = torch.zeros(2, 3, dtype=dtype)
    array = to_array(tensor)
    array[0, 0] = 1
    assert tensor[0, 0] == 1
    assert numpy_dtype(dtype) == array.dtype == NUMPY[name]
    assert is_float(array) == dtype.is_floating_point


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(6.0).reshape(2, 3).T,
        torch.arange(6.0)[::2],
        torch.zeros(2, 2).to_sparse(),
        torch.randn(2, dtype=torch.complex64).conj(),
        torch.nn.Parameter(torch.ones(2)),
        torch.ones(3).expand(2, 3),
    ],
)
def test_any_dense_values_become_a_contiguous_array(tensor: torch.Tensor) -> None:
    array = to_array(tensor)
    assert array.flags.c_contiguous
    assert array.tolist() == tensor.detach().to_dense().resolve_conj().tolist()
