"""Tensors whose elements are cast as they are read."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from stateserve.checkpoint.conversion.options import ConvertOptions
from stateserve.checkpoint.dtypes import DTYPES, Array, DType
from stateserve.checkpoint.tensors import LazyTensor
from stateserve.errors import CheckpointError, InvalidConversion, UnreadableCheckpoint

TARGETS = ("float16", "bfloat16", "float32", "float64")
FLOATS = frozenset(name for name in DTYPES if name.startswith(("float", "bfloat")))


class CastTensor(LazyTensor):
    """`source` in the dtype `dtype`, rounded as torch's Tensor.to rounds.

    `overflowed` counts the finite elements that became infinite, once they have been read.
    Errors begin with `label`.
    """

    def __init__(self, label: str, source: LazyTensor, dtype: str, *, allow_overflow: bool) -> None:
        self._label, self._source, self._allow_overflow = label, source, allow_overflow
        self.dtype, self.shape = dtype, source.shape
        # The same for two names of one tensor.
        self.storage, self.strides, self.offset = source.storage, source.strides, source.offset
        self.overflowed = 0

    @property
    def changed(self) -> bool:
        return self.dtype != self._source.dtype

    @property
    def nbytes(self) -> int:
        return self.size * DTYPES[self.dtype].itemsize

    def extent(self) -> tuple[int, int]:
        return self._source.extent()

    def require_held(self) -> None:
        self._source.require_held()

    def array(self) -> Array:
        """All elements. Raises CheckpointError or MemoryError."""
        array = np.empty(self.size, DTYPES[self.dtype])
        at = 0
        for chunk in self.chunks(2**16):
            array[at : at + chunk.size] = chunk
            at += chunk.size
        return array.reshape(self.shape)

    def chunks(self, elements: int) -> Iterator[Array]:
        try:
            at, self.overflowed = 0, 0
            for chunk in self._source.chunks(elements):
                yield self._cast(chunk, at) if self.changed else chunk
                at += chunk.size
        except CheckpointError as error:
            raise type(error)(f"{self._label} {error}") from None
        except MemoryError:
            raise UnreadableCheckpoint(f"{self._label} is larger than the memory") from None
        except OSError as error:
            raise UnreadableCheckpoint(f"{self._label}: {error.strerror or error}") from None

    def _cast(self, chunk: Array, at: int) -> Array:
        # bfloat16 warns of NaN, and each dtype of overflow, which is counted.
        with np.errstate(all="ignore"):
            cast = _as_torch(chunk, self.numpy_dtype)
            infinite = np.isinf(cast)
            if infinite.any():
                self._count_overflow(chunk, infinite & np.isfinite(chunk), at)
        return cast

    def _count_overflow(self, chunk: Array, infinite: NDArray[np.bool_], at: int) -> None:
        count = int(np.count_nonzero(infinite))
        if count and not self._allow_overflow:
            first = int(np.argmax(infinite))
            index = [int(each) for each in np.unravel_index(at + first, self.shape)]
            other = "--dtype bfloat16 has the range of float32, and " * (self.dtype == "float16")
            raise InvalidConversion(
                f"has {float(chunk[first]):g} at {index}, which {self.dtype} has only as infinity; "
                f"{other}--allow-overflow writes infinity"
            )
        self.overflowed += count


def cast_tensors(
    tensors: Mapping[str, LazyTensor], label: str, options: ConvertOptions
) -> dict[str, CastTensor]:
    """All tensors, the floating ones in the dtype of the options. Raises InvalidConversion."""
    wanted = options.dtype
    if wanted not in (None, *TARGETS):
        *first, last = TARGETS
        raise InvalidConversion(f"--dtype: {wanted!r:.50} is not {', '.join(first)} or {last}")
    cast = {}
    for name, tensor in tensors.items():
        dtype = wanted if wanted and tensor.dtype in FLOATS else tensor.dtype
        where = f"{label}{name!r:.100}"
        cast[name] = CastTensor(where, tensor, dtype, allow_overflow=options.allow_overflow)
    return cast


def _as_torch(chunk: Array, dtype: DType) -> Array:
    if dtype.itemsize == 2:
        # torch rounds float64 to float32 first, which is another result.
        chunk = chunk.astype(np.float32, copy=False)
    return chunk.astype(dtype)
