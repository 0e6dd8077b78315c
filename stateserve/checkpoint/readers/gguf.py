"""Read GGUF files by their header. The values of quantised tensors are not read.

Source: github.com/ggml-org/ggml, docs/gguf.md.
"""

import math
import struct
from typing import NamedTuple

from stateserve.checkpoint.dtypes import DTYPES
from stateserve.checkpoint.sources import Part, Source, SourceStream
from stateserve.checkpoint.storage import Storage
from stateserve.checkpoint.tensors import LazyTensor
from stateserve.errors import UnreadableCheckpoint

MAGIC = b"GGUF"
VERSIONS = (2, 3)
# Each tensor takes 24 bytes, each entry of the metadata 12.
MAX_TENSORS = 100_000
MAX_ENTRIES = 65_536
MAX_ARRAY = 2**25
# Of all arrays: a vocabulary has up to 300,000, and as many merges.
MAX_TEXTS = 2**21
MAX_TEXT = 2**20
MOST_SHOWN = 200
NUMBERS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
STRING, ARRAY = 8, 9
PLAIN = {
    **{0: "float32", 1: "float16", 24: "int8", 25: "int16", 26: "int32", 27: "int64"},
    **{28: "float64", 30: "bfloat16"},
}
# Names, elements and bytes of a block.
QUANTISED = {
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    29: ("IQ1_M", 256, 56),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
}


class _Info(NamedTuple):
    shape: list[int]
    kind: int
    offset: int


def read_gguf(source: Source) -> tuple[dict[str, LazyTensor], dict[str, str]]:
    """The tensors by name, and the metadata as text. Raises UnreadableCheckpoint."""
    try:
        return _Reader(source).read()
    except (ValueError, struct.error, UnicodeDecodeError) as error:
        raise UnreadableCheckpoint(f"not a whole GGUF file ({error!s:.200})") from None


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._stream = SourceStream(source, len(MAGIC))
        self._order = "<"
        self._texts = 0

    def read(self) -> tuple[dict[str, LazyTensor], dict[str, str]]:
        version = self._number("I")
        if version not in VERSIONS and version >> 16:
            # A big-endian file has a large version, seen from here.
            self._order, version = ">", int.from_bytes(version.to_bytes(4, "little"), "big")
        if version not in VERSIONS:
            raise ValueError(f"version {version}; 2 and 3 are read")
        tensors, entries = self._number("Q"), self._number("Q")
        if tensors > MAX_TENSORS or entries > MAX_ENTRIES:
            raise ValueError(f"{tensors} tensors and {entries} entries of metadata")
        metadata = dict(self._entry() for _ in range(entries))
        infos = dict(self._info() for _ in range(tensors))
        if len(infos) < tensors:
            raise ValueError("two tensors of one name")
        alignment = int(metadata.get("general.alignment", "32"))
        if not 0 < alignment <= 2**20:
            raise ValueError(f"an alignment of {alignment}")
        data = -(-self._stream.tell() // alignment) * alignment
        return {name: self._tensor(name, data, info) for name, info in infos.items()}, metadata

    def _take(self, count: int) -> bytes:
        content = self._stream.read(count)
        if len(content) != count:
            raise ValueError("it is cut short")
        return content

    def _number(self, kind: str) -> int:
        layout = f"{self._order}{kind}"
        number: int = struct.unpack(layout, self._take(struct.calcsize(layout)))[0]
        return number

    def _text(self) -> str:
        length = self._number("Q")
        if length > MAX_TEXT:
            raise ValueError(f"a text of {length} bytes")
        return self._take(length).decode("utf-8", "replace")

    def _entry(self) -> tuple[str, str]:
        return self._text(), self._value(self._number("I"))[:MOST_SHOWN]

    def _value(self, kind: int) -> str:
        if kind in NUMBERS:
            return str(self._number(NUMBERS[kind]))
        if kind == STRING:
            return self._text()
        if kind == ARRAY:
            inner, count = self._number("I"), self._number("Q")
            self._skip(inner, count)
            return f"array of {count}"
        raise ValueError(f"a value of the type {kind}")

    def _skip(self, kind: int, count: int) -> None:
        if count > MAX_ARRAY:
            raise ValueError(f"an array of {count}")
        if kind in NUMBERS:
            self._stream.seek(count * struct.calcsize(f"<{NUMBERS[kind]}"), 1)
        elif kind == STRING:
            self._texts += count
            if self._texts > MAX_TEXTS:
                raise ValueError(f"arrays of more than {MAX_TEXTS} texts")
            for _ in range(count):
                self._text()
        else:
            raise ValueError(f"an array of the type {kind}")

    def _info(self) -> tuple[str, _Info]:
        name = self._text()
        dimensions = self._number("I")
        if dimensions > 8:
            raise ValueError(f"{name!r:.100} has {dimensions} dimensions")
        # The first dimension is that of neighbours in memory.
        shape = [self._number("Q") for _ in range(dimensions)][::-1]
        return name, _Info(shape, self._number("I"), self._number("Q"))

    def _tensor(self, name: str, data: int, info: _Info) -> LazyTensor:
        count, kind = math.prod(info.shape), info.kind
        if kind in PLAIN:
            dtype = PLAIN[kind]
            nbytes = count * DTYPES[dtype].itemsize
        elif kind in QUANTISED:
            dtype, elements, size = QUANTISED[kind]
            nbytes = count // elements * size
        else:
            raise ValueError(f"a tensor of the type {kind}")
        part = Part(self._source, data + info.offset, nbytes)
        storage = Storage(part, dtype, big_endian=self._order == ">")
        try:
            return LazyTensor(storage, dtype, info.shape)
        except ValueError as error:
            raise ValueError(f"{name!r:.100} is {error}") from None
