"""Read the initialisers of an ONNX model: its weights, without the graph.

Source: github.com/onnx/onnx, onnx/onnx.proto.
"""

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stateserve.checkpoint.dtypes import DTYPES
from stateserve.checkpoint.readers.protobuf import BYTES, VARINT, Field, Limits, Message, varints
from stateserve.checkpoint.sources import File, Memory, Part, Source
from stateserve.checkpoint.storage import Storage
from stateserve.checkpoint.tensors import MAX_DIMENSIONS, LazyTensor
from stateserve.errors import UnreadableCheckpoint

DATA_TYPES = {
    **{1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64"},
    **{9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64"},
    **{15: "complex128", 16: "bfloat16", 17: "float8_e4m3fn", 18: "float8_e4m3fnuz"},
    **{19: "float8_e5m2", 20: "float8_e5m2fnuz", 24: "float8_e8m0fnu"},
}
OTHERS = {8: "string", 21: "uint4", 22: "int4", 23: "float4_e2m1fn", 25: "uint2", 26: "int2"}
MODEL_GRAPH, MODEL_PRODUCER, MODEL_VERSION, MODEL_PROPERTY = 7, 2, 3, 14
GRAPH_INITIALISER = 5
DIMS, DATA_TYPE, NAME, RAW, EXTERNAL = 1, 2, 8, 9, 13
# Of values that are not raw: the dtype of the numbers as they are written.
TYPED = {4: "<f4", 5: "varint", 7: "varint", 10: "<f8", 11: "varint"}
# The dtypes that are written as floats; all others are written as integers.
FLOATS = {"float32": "<f4", "complex64": "<f4", "float64": "<f8", "complex128": "<f8"}
# More than a file has bytes.
MAX_PLACE = 2**63
Numbers = NDArray[Any]
Open = Callable[[str], File]


def read_onnx(source: Source, open_file: Open) -> tuple[dict[str, LazyTensor], dict[str, str]]:
    """The initialisers by name, and what the model says of itself. Raises UnreadableCheckpoint."""
    model = Message(source, 0, source.size, Limits())
    tensors: dict[str, LazyTensor] = {}
    metadata: dict[str, str] = {}
    graphs = 0
    for field in model.fields():
        if field.number == MODEL_GRAPH and field.kind == BYTES:
            graphs += 1
            _read_graph(model.message(field), source, open_file, tensors)
        elif field.number == MODEL_PRODUCER and field.kind == BYTES:
            metadata["producer"] = model.text(field)
        elif field.number == MODEL_VERSION and field.kind == BYTES:
            metadata["producer_version"] = model.text(field)
        elif field.number == MODEL_PROPERTY and field.kind == BYTES:
            entry = model.message(field)
            key, value = ([entry.text(f) for f in entry.fields() if f.number == n] for n in (1, 2))
            metadata |= dict(zip(key, value, strict=False))
    if not graphs:
        raise UnreadableCheckpoint("not a checkpoint of a known format")
    return tensors, metadata


def _read_graph(
    graph: Message, source: Source, open_file: Open, tensors: dict[str, LazyTensor]
) -> None:
    for field in graph.fields():
        if field.number == GRAPH_INITIALISER and field.kind == BYTES:
            name, tensor = _Initialiser(graph.message(field), source).tensor(open_file)
            if name in tensors:
                raise UnreadableCheckpoint("two initialisers of one name")
            tensors[name] = tensor


class _Initialiser:
    def __init__(self, message: Message, source: Source) -> None:
        self._message, self._source = message, source
        self._shape: list[int] = []
        self._type, self._name = 0, ""
        self._raw: Field | None = None
        self._typed: list[tuple[str, Field]] = []
        self._external: dict[str, str] = {}
        for field in message.fields():
            self._take(field)

    def _take(self, field: Field) -> None:
        if field.number == DIMS:
            # One more than a tensor may have is refused once the name is known.
            wanted = MAX_DIMENSIONS + 1 - len(self._shape)
            self._shape += self._numbers([field])[:wanted].tolist()
        elif field.number == DATA_TYPE and field.kind == VARINT:
            self._type = field.value
        elif field.number == NAME:
            self._name = self._message.text(field)
        elif field.number == RAW and field.kind == BYTES:
            self._raw = field
        elif field.number == EXTERNAL and field.kind == BYTES:
            entry = self._message.message(field)
            key, value = ([entry.text(f) for f in entry.fields() if f.number == n] for n in (1, 2))
            self._external |= dict(zip(key, value, strict=False))
        elif field.number in TYPED:
            self._typed.append((TYPED[field.number], field))

    def _numbers(self, fields: Iterable[Field]) -> Numbers:
        """Each field has one number, or several."""
        parts = []
        for loose, group in groupby(fields, lambda field: field.kind == VARINT):
            if loose:
                parts.append(np.fromiter((field.value for field in group), np.uint64))
            else:
                parts += [varints(self._message.content(field)) for field in group]
        return np.concatenate([np.empty(0, np.uint64), *parts])

    def tensor(self, open_file: Open) -> tuple[str, LazyTensor]:
        dtype = DATA_TYPES.get(self._type, OTHERS.get(self._type, f"ONNX's type {self._type}"))
        storage = Storage(self._bytes(dtype, open_file), dtype)
        try:
            tensor = LazyTensor(storage, dtype, self._shape)
        except ValueError as error:
            raise UnreadableCheckpoint(f"{self._name!r:.100}: {error}") from None
        if tensor.nbytes != storage.nbytes:
            raise UnreadableCheckpoint(
                f"{self._name!r:.100} has {storage.nbytes} bytes for its shape {self._shape!s:.200}"
            )
        return self._name, tensor

    def _bytes(self, dtype: str, open_file: Open) -> Source:
        if self._external:
            return self._outside(open_file)
        if self._raw is not None:
            return Part(self._source, self._raw.start, self._raw.value)
        if dtype not in DTYPES:
            return Memory(b"")
        kind = FLOATS.get(dtype, "varint")
        if any(each != kind for each, _ in self._typed):
            raise UnreadableCheckpoint(
                f"{self._name!r:.100} has values of another type than its {dtype}"
            )
        return self._converted(dtype, [field for _, field in self._typed])

    def _outside(self, open_file: Open) -> Source:
        file = open_file(self._external.get("location", ""))
        try:
            start = int(self._external.get("offset", 0))
            length = int(self._external.get("length", file.size - start))
            if max(abs(start), abs(length)) >= MAX_PLACE:
                raise ValueError
        except ValueError:
            raise UnreadableCheckpoint(f"{self._name!r:.100} is at no place of a file") from None
        return Part(file, start, length)

    def _converted(self, dtype: str, fields: list[Field]) -> Source:
        """Values that are not raw: floats as in memory, and integers of variable length."""
        if dtype not in FLOATS:
            return Memory(_as_written(self._numbers(fields).view(np.int64), dtype).tobytes())
        if len(fields) == 1 and fields[0].kind == BYTES:
            return Part(self._source, fields[0].start, fields[0].value)
        return Memory(b"".join(map(self._message.content, fields)))


def _as_written(numbers: Numbers, dtype: str) -> Numbers:
    """In the dtype's own form; 16-bit and 8-bit floats are written as integers of their bits."""
    found = DTYPES[dtype]
    return numbers.astype(found if found.kind in "iub" else f"u{found.itemsize}")
