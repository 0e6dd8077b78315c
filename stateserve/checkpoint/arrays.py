"""Values of a tensor as NumPy arrays: NumPy's own, torch's, or those of a tensor in a file.

torch is not imported: a program that has a torch tensor has done that.
"""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Union

import numpy as np

from stateserve.checkpoint.dtypes import DTYPES, Array
from stateserve.checkpoint.tensors import LazyTensor, array_chunks

if TYPE_CHECKING:
    from torch import Tensor

# Not of the operator |, which takes no name of a type that is not imported.
Values = Union[Array, LazyTensor, "Tensor"]
State = dict[str, Array]
# Elements of a chunk. Its float64 copy, 512 KiB, stays in the processor's cache; NumPy releases
# the GIL for nearly all of the time that it works on so many.
CHUNK = 2**16


def as_array(values: Values) -> Array:
    """An array of the same memory, if `values` is an array or a torch tensor on the CPU."""
    if isinstance(values, np.ndarray):
        return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))
    if isinstance(values, LazyTensor):
        return values.array()
    dtype = dtype_name(values)
    if dtype not in DTYPES or DTYPES[dtype].isbuiltin == 1:
        return values.detach().numpy()
    # torch gives NumPy only the dtypes that NumPy itself has.
    torch = sys.modules["torch"]
    bits = torch.int16 if values.itemsize == 2 else torch.uint8
    array: Array = values.detach().view(bits).numpy().view(DTYPES[dtype])
    return array


def dtype_name(values: Values) -> str:
    """The name that torch and NumPy share, such as "float32"."""
    if isinstance(values, LazyTensor):
        return values.dtype
    if isinstance(values, np.ndarray):
        return values.dtype.name
    return str(values.dtype).removeprefix("torch.")


def value_chunks(values: Values, elements: int) -> Iterator[Array]:
    """Yield the values in row-major order, flat, in their dtype; valid until the next."""
    if isinstance(values, LazyTensor):
        yield from values.chunks(elements)
        return
    array = as_array(values)
    if not array.flags.c_contiguous:
        # A chunk that NumPy need not copy has the array's strides.
        yield from map(np.ascontiguousarray, array_chunks(array, elements, array.dtype))
        return
    flat = array.reshape(-1)
    for start in range(0, flat.size, elements):
        yield flat[start : start + elements]
