"""Iterate over an array in chunks, without a second copy of a large tensor."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[np.generic]
# Elements of a chunk. Its float64 copy, 512 KiB, stays in the processor's cache; NumPy releases
# the GIL for nearly all of the time that it works on so many.
CHUNK = 2**16


def array_chunks(array: Array, elements: int, dtype: DTypeLike) -> Iterator[NDArray[Any]]:
    """Yield the array in row-major order, for any strides; a chunk is valid until the next."""
    flags: Any = ("external_loop", "buffered", "zerosize_ok")
    chunks: Any = np.nditer(array, flags, op_dtypes=dtype, order="C", buffersize=elements)
    yield from chunks
