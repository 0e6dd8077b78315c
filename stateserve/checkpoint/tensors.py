"""Tensors of a file that are read when they are asked for: by their place in the file."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from stateserve.checkpoint.dtypes import DTYPES, Array, DType
from stateserve.checkpoint.storage import Storage
from stateserve.errors import StateMismatch, UnreadableCheckpoint

# NumPy's limits: of axes, and of bytes, with elements of at most 16 bytes.
MAX_DIMENSIONS = 64
MAX_ELEMENTS = 2**59
# A view that repeats elements, such as that of expand, may have so many bytes.
REPEATED_BYTES = 2**26


class LazyTensor:
    """A tensor in a file. `dtype` is a name, such as "float32"; strides are in elements.

    Strides and offset are those of torch: a view of a storage, which other tensors may share.
    `place`, such as "model.pth: 'w' ", begins the errors of `chunks`.
    """

    place = ""

    def __init__(
        self,
        storage: Storage,
        dtype: str,
        shape: Sequence[int],
        strides: Sequence[int] | None = None,
        offset: int = 0,
        *,
        columns_first: bool = False,
    ) -> None:
        """Without `strides` the elements lie in row-major order, or in column-major order.

        Raises ValueError for a shape that is none, or a view that is not within its storage.
        """
        self.storage, self.dtype, self.offset = storage, dtype, offset
        self.shape = checked_shape(shape)
        if strides is not None:
            self.strides = _counts(strides, "strides")
        elif columns_first:
            self.strides = row_major(self.shape[::-1])[::-1]
        else:
            self.strides = row_major(self.shape)
        self._require_within()

    def _require_within(self) -> None:
        _counts((self.offset,), "offset")
        if len(self.strides) != len(self.shape):
            raise ValueError("not a tensor: shape and strides of different lengths")
        if self.dtype in DTYPES and self.size and self.extent()[1] > self.storage.nbytes:
            raise ValueError(
                f"a tensor of shape {list(self.shape)} past the end of its storage of "
                f"{self.storage.nbytes} bytes"
            )

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The bytes of the elements as an array, also where tensors share a storage."""
        found = DTYPES.get(self.dtype)
        return self.storage.nbytes if found is None else self.size * found.itemsize

    @property
    def numpy_dtype(self) -> DType:
        """Raises StateMismatch for a dtype whose values are not read."""
        if self.dtype not in DTYPES:
            raise StateMismatch(f"values of {self.dtype} are not read")
        return DTYPES[self.dtype]

    @property
    def contiguous(self) -> bool:
        return self.size == 0 or all(
            length == 1 or stride == wanted
            for length, stride, wanted in zip(
                self.shape, self.strides, row_major(self.shape), strict=True
            )
        )

    def ties(self, other: "LazyTensor") -> bool:
        """Whether both are the same elements of the same storage."""
        return self.storage is other.storage and (
            (self.dtype, self.shape, self.strides, self.offset)
            == (other.dtype, other.shape, other.strides, other.offset)
        )

    def array(self) -> Array:
        """Read the values: row-major, in memory of its own, writable.

        Raises StateMismatch, UnreadableCheckpoint or MemoryError.
        """
        self.require_held()
        view = self._view()
        return view if self.contiguous else view.copy(order="C")

    def _view(self) -> Array:
        """The values, read into memory with the strides that they have in the file."""
        dtype = self.numpy_dtype
        if self.size == 0:
            return np.empty(self.shape, dtype)
        start, end = self.extent()
        raw = self._read(start, end - start, dtype)
        if self.contiguous:
            return raw.reshape(self.shape)
        strides = [stride * dtype.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(raw, self.shape, strides)

    def require_held(self) -> None:
        """Raise StateMismatch if the tensor repeats elements of the file without end."""
        # A view with strides of zero can claim terabytes.
        if self.nbytes > max(self.storage.nbytes, REPEATED_BYTES):
            start, end = self.extent()
            raise StateMismatch(
                f"claims more elements than the file holds: {self.size} are repeated from "
                f"{(end - start) // self.numpy_dtype.itemsize}, as expand does; up to "
                f"{REPEATED_BYTES} bytes are repeated"
            )

    @property
    def repeats(self) -> bool:
        """Whether some elements are the same ones of the file, as in what expand returns."""
        if self.dtype not in DTYPES or not self.size:
            return False
        start, end = self.extent()
        return self.nbytes > end - start

    def chunks(self, elements: int) -> Iterator[Array]:
        """Yield the values in row-major order, flat; only one chunk is in memory at a time.

        Raises StateMismatch, UnreadableCheckpoint or MemoryError.
        """
        try:
            yield from self._chunks(elements)
        except UnreadableCheckpoint as error:
            raise UnreadableCheckpoint(f"{self.place}{error}") from None

    def _chunks(self, elements: int) -> Iterator[Array]:
        dtype = self.numpy_dtype
        self.require_held()
        if not self.contiguous:
            # A chunk that NumPy need not copy has the view's strides.
            yield from map(np.ascontiguousarray, array_chunks(self._view(), elements, dtype))
            return
        start = self.offset * dtype.itemsize
        for at in range(0, self.size, elements):
            count = min(elements, self.size - at)
            yield self._read(start + at * dtype.itemsize, count * dtype.itemsize, dtype)

    def extent(self) -> tuple[int, int]:
        """The first byte of the elements, and the one after the last."""
        width = self.numpy_dtype.itemsize
        last = sum((n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True))
        return self.offset * width, (self.offset + last + 1) * width

    def _read(self, start: int, length: int, dtype: DType) -> Array:
        raw = np.empty(length, np.uint8)
        self.storage.read_into(start, raw.data)
        if self.storage.big_endian:
            part = dtype.itemsize // 2 if dtype.kind == "c" else dtype.itemsize
            raw.view(f"u{part}").byteswap(inplace=True)
        return raw.view(dtype)


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides, in elements, of a contiguous tensor."""
    strides, step = [], 1
    for length in reversed(shape):
        strides.append(step)
        step *= max(1, length)
    return tuple(reversed(strides))


def checked_shape(shape: object) -> tuple[int, ...]:
    """The shape as a tuple. Raises ValueError for one that NumPy would refuse, also without data.

    Every reader takes the shapes of files through this function, before any product or text of
    them is made: a product of thousands of large numbers takes quadratic time.
    """
    found = _counts(shape, "shape")
    if math.prod(max(1, length) for length in found) > MAX_ELEMENTS:
        raise ValueError("not a tensor: its shape has more than 2**59 elements")
    return found


def _counts(numbers: object, what: str) -> tuple[int, ...]:
    # Checked by type, since they are from a pickle, where a bool or a list may take their place.
    if type(numbers) is not tuple and type(numbers) is not list:
        raise ValueError(f"not a tensor: its {what} is no list of numbers")
    found = tuple(numbers)
    if len(found) > MAX_DIMENSIONS:
        raise ValueError(f"not a tensor: its {what} has more than {MAX_DIMENSIONS} axes")
    if not all(type(number) is int and 0 <= number < 2**63 for number in found):
        raise ValueError(f"not a tensor: its {what} has a number below 0 or above 2**63")
    return found


def array_chunks(array: Array, elements: int, dtype: DTypeLike) -> Iterator[Array]:
    """Yield the array in row-major order, for any strides; a chunk is valid until the next."""
    # Typed as of several arrays, whose chunks are tuples.
    chunks: Any = np.nditer(
        array,
        ["external_loop", "buffered", "zerosize_ok"],
        op_dtypes=dtype,
        order="C",
        buffersize=elements,
    )
    yield from chunks
