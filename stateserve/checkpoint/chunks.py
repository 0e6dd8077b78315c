"""Arrays a chunk at a time, so that no computation needs a second copy of a large tensor."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[np.generic]
# Elements of a chunk: its float64 copy, 512 KiB, stays in the processor's cache, and it is
# long enough for NumPy to work without the interpreter's lock nearly all of the time.
CHUNK = 2**16


def array_chunks(array: Array, elements: int, dtype: DTypeLike) -> Iterator[NDArray[Any]]:
    """The array in row-major order whatever its strides; a chunk is valid until the next."""
    flags: Any = ("external_loop", "buffered", "zerosize_ok")
    chunks: Any = np.nditer(array, flags, op_dtypes=dtype, order="C", buffersize=elements)
    yield from chunks
