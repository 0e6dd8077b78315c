"""The Open Inference Protocol's tensors: datatypes, limits, and the values as bytes.

Source: the protocol's inference_rest.md and its binary tensor data extension.
"""

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidTensor

Array = NDArray[Any]
Buffer = bytes | bytearray | memoryview
# Without BYTES, whose elements have no fixed width.
DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
BYTES = "BYTES"
DATATYPES = (*DTYPES, BYTES)
# bfloat16 has the kind V.
ELEMENTS = {"b": bool, "u": int, "i": int, "f": float, "V": float}
# More elements at once would block the interpreter for too long.
CHUNK = 2**16
MAX_DIMENSIONS = 8
MAX_SIZE = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Tensor:
    """A name, a datatype of the protocol, and the values; BYTES is an object array of bytes."""

    name: str
    datatype: str
    array: Array

    @property
    def shape(self) -> list[int]:
        return list(self.array.shape)


def from_bytes(name: str, datatype: str, shape: list[int], data: Buffer) -> Tensor:
    """Read little-endian elements without a copy (except BYTES). Raises InvalidTensor."""
    count = element_count(name, datatype, shape)
    if datatype == BYTES:
        return Tensor(name, datatype, _split(name, data, count).reshape(shape))
    wanted = count * DTYPES[datatype].itemsize
    if len(data) != wanted:
        raise InvalidTensor(name, f"{len(data)} bytes; {datatype} {shape} takes {wanted}")
    array = np.frombuffer(data, DTYPES[datatype])
    if datatype == "BOOL" and array.view("u1").max(initial=0) > 1:
        raise InvalidTensor(name, "a BOOL that is neither 0 nor 1")
    return Tensor(name, datatype, array.reshape(shape))


def from_values(name: str, datatype: str, shape: list[int], values: Sequence[object]) -> Tensor:
    """Read elements in row order; those of BYTES are bytes. Raises InvalidTensor."""
    count = element_count(name, datatype, shape)
    if len(values) != count:
        raise InvalidTensor(name, f"{len(values)} elements; its shape {shape} has {count}")
    if datatype == BYTES:
        return Tensor(name, datatype, bytes_array(values).reshape(shape))
    array = np.empty(count, DTYPES[datatype])
    for start in range(0, count, CHUNK):
        part = np.array(values[start : start + CHUNK], object)
        array[start : start + CHUNK] = narrow(name, datatype, part)
    return Tensor(name, datatype, array.reshape(shape))


def bytes_array(values: Sequence[object]) -> Array:
    """An object array (n,): NumPy's bytes dtype would remove zero bytes at the end."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


def to_pieces(tensor: Tensor) -> Iterator[bytes]:
    """The little-endian elements in row order, in pieces of at most CHUNK elements.

    Each element of BYTES follows its length in 4 bytes.
    """
    flat = tensor.array.reshape(-1)
    for start in range(0, flat.size, CHUNK):
        elements = flat[start : start + CHUNK]
        if tensor.datatype == BYTES:
            yield b"".join(struct.pack("<I", len(each)) + each for each in elements)
        else:
            yield elements.astype(DTYPES[tensor.datatype], copy=False).tobytes()


def element_count(name: str, datatype: str, shape: list[int]) -> int:
    if datatype not in DATATYPES:
        raise InvalidTensor(name, f"datatype {datatype!r}; one of {', '.join(DATATYPES)} is taken")
    if len(shape) > MAX_DIMENSIONS or not all(0 <= size <= MAX_SIZE for size in shape):
        raise InvalidTensor(
            name, f"shape {shape}; up to {MAX_DIMENSIONS} sizes from 0 to {MAX_SIZE}"
        )
    # NumPy multiplies the other sizes even if one is 0, and rejects a product that is too large.
    if math.prod(size for size in shape if size) > MAX_SIZE:
        raise InvalidTensor(name, f"shape {shape} of more than {MAX_SIZE} elements")
    return math.prod(shape)


def narrow(name: str, datatype: str, values: Array) -> Array:
    dtype = DTYPES[datatype]
    if dtype.kind == "b" or not values.size:
        return values.astype(dtype)
    limits: object
    limits = np.iinfo(dtype) if dtype.kind in "iu" else ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]
    # Compared as Python numbers, which are not rounded.
    number = ELEMENTS[dtype.kind]
    if values.dtype == object:
        extremes: Any = min(values.flat), max(values.flat)
    else:
        extremes = float(values.min()), float(values.max())
    for extreme in extremes:
        if not number(limits.min) <= extreme <= number(limits.max):
            raise InvalidTensor(name, f"{extreme} is beyond {datatype}")
    return values.astype(dtype)


def _split(name: str, data: Buffer, count: int) -> Array:
    elements: list[bytes] = []
    position = 0
    while position < len(data):
        start = position + 4
        end = start + int.from_bytes(data[position:start], "little")
        if start > len(data) or end > len(data):
            raise InvalidTensor(name, f"BYTES that end before the element at byte {position} does")
        elements.append(bytes(data[start:end]))
        position = end
    if len(elements) != count:
        raise InvalidTensor(name, f"{len(elements)} elements of BYTES; its shape has {count}")
    return bytes_array(elements)
