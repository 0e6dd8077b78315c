"""Tensors to NumPy arrays and back, over the same memory where they can share it.

NumPy has no bfloat16 and float8; ml_dtypes adds them under torch's own names.
"""

import ml_dtypes
import numpy as np
import torch
from torch import Tensor

from stateserve.checkpoint import Array, State, dtype_name

TensorState = dict[str, Tensor]

# torch's dtypes that NumPy lacks, and the integers of the same size.
EXTRA = {
    "bfloat16": torch.int16,
    "float8_e4m3fn": torch.int8,
    "float8_e4m3fnuz": torch.int8,
    "float8_e5m2": torch.int8,
    "float8_e5m2fnuz": torch.int8,
    "float8_e8m0fnu": torch.int8,
}


def to_array(tensor: Tensor) -> Array:
    """A C-contiguous array of any dense tensor; it shares the memory of a contiguous one."""
    tensor = tensor.detach()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    tensor = tensor.cpu().contiguous().resolve_conj().resolve_neg()
    name = dtype_name(tensor)
    if name not in EXTRA:
        return tensor.numpy()
    return tensor.view(EXTRA[name]).numpy().view(getattr(ml_dtypes, name))


def to_tensor(array: Array) -> Tensor:
    """A tensor over the memory of a writable C-contiguous array."""
    name = array.dtype.name
    if not array.size:
        # torch.export saves no empty tensor whose memory has an address.
        return torch.empty(array.shape, dtype=getattr(torch, name))
    if name not in EXTRA:
        return torch.from_numpy(array)
    integers = np.dtype(f"i{array.itemsize}")
    return torch.from_numpy(array.view(integers)).view(getattr(torch, name))


def is_float(array: Array) -> bool:
    """Whether the elements are floats, those of ml_dtypes included."""
    return array.dtype.kind == "f" or array.dtype.name in EXTRA


def numpy_dtype(dtype: torch.dtype) -> np.dtype[np.generic]:
    """NumPy's dtype for torch's."""
    return to_array(torch.empty(0, dtype=dtype)).dtype


def to_tensors(state: State) -> TensorState:
    """The tensors of a state_dict, over the memory of its arrays."""
    return {name: to_tensor(array) for name, array in state.items()}
