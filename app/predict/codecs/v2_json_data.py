"""Reads and writes the data of the Open Inference Protocol's tensors as JSON.

Source: the protocol's inference_rest.md.
"""

import math
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from app.errors import InvalidTensor
from app.predict.codecs.tensors.short_floats import lists_of
from app.predict.codecs.v2_faults import FAULTS, fault_of
from app.predict.codecs.v2_tensor_data import (
    BYTES,
    CHUNK,
    DTYPES,
    ELEMENTS,
    Array,
    Buffer,
    Tensor,
    bytes_array,
    element_count,
    narrow,
)

NESTED = re.compile(rb"\s*\[\s*\[")
FIRST = re.compile(r"\[(\d+)\](.*)")
NULL = "null where a number belongs"
NO_NAN = "; NaN, such as a missing value of a table, is sent as binary data (binary_data_size)"
# A longer text would block the interpreter for too long.
SLICE_BYTES = 2**16
FIRST_BYTES = 2**10
# No number needs more without padding.
NUMBER_BYTES = 64


def from_json(name: str, datatype: str, shape: list[int], data: Buffer) -> Tensor:
    """Read `data`, a JSON array, flat or nested like `shape`. Raises InvalidTensor."""
    count = element_count(name, datatype, shape)
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


def to_lists(tensor: Tensor) -> Iterator[list[object]]:
    """The elements in row order as JSON values, in lists of at most CHUNK."""
    flat = tensor.array.reshape(-1)
    for start in range(0, flat.size, CHUNK):
        part = flat[start : start + CHUNK]
        if tensor.datatype == BYTES:
            yield [value.decode() for value in part]
        else:
            yield lists_of(part)


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


def _decode(name: str, datatype: str, depth: int, text: Buffer, before: int) -> list[object]:
    """The elements of one slice; `before` elements precede it."""
    kind: Any = str if datatype == BYTES else ELEMENTS[DTYPES[datatype].kind]
    for _ in range(depth):
        kind = list[kind]
    try:
        decoded: list[object] = msgspec.json.decode(text, type=kind)
    except FAULTS as error:
        place, reason = fault_of(error)
        if first := FIRST.fullmatch(place):
            place = f"[{before + int(first[1])}]{first[2]}"
        raise InvalidTensor(
            name, f"data{place}: {reason}{NO_NAN if reason == NULL else ''}"
        ) from None
    return decoded


def _to_array(name: str, datatype: str, shape: list[int], decoded: list[object]) -> Array:
    element = None if datatype == BYTES else ELEMENTS[DTYPES[datatype].kind]
    try:
        # NumPy would convert integers beyond int64 to float.
        values = np.array(decoded, float if element is float else object)
    except ValueError:
        raise _ragged(name, shape) from None
    if datatype == BYTES:
        return bytes_array([text.encode() for text in values.ravel()]).reshape(values.shape)
    return narrow(name, datatype, values)


def _ragged(name: str, shape: list[int]) -> InvalidTensor:
    return InvalidTensor(name, f"data of rows that are not as long as {shape} says")
