"""Reads and writes the Open Inference Protocol's tensors, as JSON and as bytes.

Source: the protocol's inference_rest.md and its binary tensor data extension.
"""

import math
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import msgspec
import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidTensor
from app.predict.codecs.tensors.short_floats import widen

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
NESTED = re.compile(rb"\s*\[\s*\[")
INDEX = re.compile(r"\$\[(\d+)\]")
# A longer text, or more elements at once, would block the interpreter for too long.
SLICE_BYTES = 2**16
CHUNK = 2**16
FIRST_BYTES = 2**10
# No number needs more without padding.
NUMBER_BYTES = 64
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


def from_json(name: str, datatype: str, shape: list[int], data: Buffer) -> Tensor:
    """Read `data`, a JSON array, flat or nested like `shape`. Raises InvalidTensor."""
    count = _count(name, datatype, shape)
    nested = NESTED.match(data[:FIRST_BYTES]) is not None
    depth = len(shape) if nested else 1
    most = shape[0] if nested else count
    parts: list[Array] = []
    done = 0
    for text in [data] if datatype == BYTES else _slices(name, memoryview(data), shape, depth):
        if done > most:
            raise InvalidTensor(name, f"more data than its shape {shape} says")
        decoded = _decode(name, datatype, depth, text, done)
        done += len(decoded)
        parts.append(_to_array(name, datatype, shape, decoded))
    try:
        values = np.concatenate(parts)
    except ValueError:
        raise _ragged(name, shape) from None
    if values.size != count or (nested and list(values.shape) != shape):
        raise InvalidTensor(name, f"data of shape {list(values.shape)}, its shape says {shape}")
    return Tensor(name, datatype, values.reshape(shape))


def from_bytes(name: str, datatype: str, shape: list[int], data: Buffer) -> Tensor:
    """Read little-endian elements without a copy (except BYTES). Raises InvalidTensor."""
    count = _count(name, datatype, shape)
    if datatype == BYTES:
        return Tensor(name, datatype, _split(name, data, count).reshape(shape))
    wanted = count * DTYPES[datatype].itemsize
    if len(data) != wanted:
        raise InvalidTensor(name, f"{len(data)} bytes; {datatype} {shape} takes {wanted}")
    array = np.frombuffer(data, DTYPES[datatype])
    if datatype == "BOOL" and array.view("u1").max(initial=0) > 1:
        raise InvalidTensor(name, "a BOOL that is neither 0 nor 1")
    return Tensor(name, datatype, array.reshape(shape))


def from_values(name: str, datatype: str, shape: list[int], values: Sequence[Any]) -> Tensor:
    """Read elements in row order; those of BYTES are bytes. Raises InvalidTensor."""
    count = _count(name, datatype, shape)
    if len(values) != count:
        raise InvalidTensor(name, f"{len(values)} elements; its shape {shape} has {count}")
    if datatype == BYTES:
        return Tensor(name, datatype, bytes_array(list(values)).reshape(shape))
    array = np.empty(count, DTYPES[datatype])
    for start in range(0, count, CHUNK):
        part = np.array(values[start : start + CHUNK], object)
        array[start : start + CHUNK] = _narrow(name, datatype, part)
    return Tensor(name, datatype, array.reshape(shape))


def bytes_array(values: list[bytes]) -> Array:
    """An object array (n,): NumPy's bytes dtype would remove zero bytes at the end."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


def to_lists(tensor: Tensor) -> Iterator[list[Any]]:
    """The elements in row order as JSON values, in lists of at most CHUNK."""
    flat = tensor.array.reshape(-1)
    for start in range(0, flat.size, CHUNK):
        part = flat[start : start + CHUNK]
        if tensor.datatype == BYTES:
            yield [value.decode() for value in part]
        else:
            yield (part if part.dtype.kind in "biu" else widen(part)).tolist()


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


def _slices(name: str, data: memoryview, shape: list[int], depth: int) -> Iterator[Buffer]:
    """Split a JSON array of numbers into several arrays of the same elements in order."""
    if len(data) <= SLICE_BYTES or (data[:1].tobytes(), data[-1:].tobytes()) != (b"[", b"]"):
        yield data
        return
    # Without strings, a comma after depth - 1 brackets separates outermost elements.
    between = re.compile(rb"(?:\][ \t\n\r]*){%d}," % (depth - 1))
    longest = SLICE_BYTES + (NUMBER_BYTES * math.prod(shape[1:]) if depth > 1 else 0)
    start, end = 1, len(data) - 1
    while end - start > SLICE_BYTES + longest:
        found = between.search(data, start + SLICE_BYTES, start + SLICE_BYTES + longest)
        if not found:
            raise InvalidTensor(name, f"data: an element of more than {longest} bytes")
        yield b"[" + data[start : found.end() - 1] + b"]"
        start = found.end()
    yield b"[" + data[start:end] + b"]"


def _decode(name: str, datatype: str, depth: int, text: Buffer, before: int) -> list[Any]:
    """The elements of one slice; `before` elements precede it."""
    kind: Any = str if datatype == BYTES else ELEMENTS[DTYPES[datatype].kind]
    for _ in range(depth):
        kind = list[kind]
    try:
        decoded: list[Any] = msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        # The message names the place by a path that begins with $.
        place = INDEX.sub(lambda index: f"$[{before + int(index[1])}]", str(error), count=1)
        raise InvalidTensor(name, f"data: {place}") from None
    return decoded


def _to_array(name: str, datatype: str, shape: list[int], decoded: list[Any]) -> Array:
    element = None if datatype == BYTES else ELEMENTS[DTYPES[datatype].kind]
    try:
        # NumPy would convert integers beyond int64 to float.
        values = np.array(decoded, float if element is float else object)
    except ValueError:
        raise _ragged(name, shape) from None
    if datatype == BYTES:
        return bytes_array([text.encode() for text in values.ravel()]).reshape(values.shape)
    return _narrow(name, datatype, values)


def _ragged(name: str, shape: list[int]) -> InvalidTensor:
    return InvalidTensor(name, f"data of rows that are not as long as {shape} says")


def _count(name: str, datatype: str, shape: list[int]) -> int:
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


def _narrow(name: str, datatype: str, values: Array) -> Array:
    dtype = DTYPES[datatype]
    if dtype.kind == "b" or not values.size:
        return values.astype(dtype)
    limits: Any
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
