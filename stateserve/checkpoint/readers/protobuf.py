"""Read Protocol Buffers without their schema: the numbers, types and places of fields.

Source: protobuf.dev, "Encoding".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stateserve.checkpoint.sources import Source, read, require_within
from stateserve.errors import UnreadableCheckpoint

VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5
# Of a whole file; a field takes some microseconds, a byte of content up to eight of memory.
MAX_FIELDS = 1_000_000
MAX_CONTENT_BYTES = 2**25
HEAD_BYTES = 20
WINDOW_BYTES = 2**12
PORTION_BYTES = 2**18
# Of a number of 64 bits.
MAX_VARINT_BYTES = 10
NO_VARINT = "damaged: a number without an end, or of more than 64 bits"


class Field(NamedTuple):
    """`value` is a number, or the length of the field's bytes, which begin at `start`."""

    number: int
    kind: int
    value: int
    start: int


@dataclass
class Limits:
    """The fields and the bytes of content that may still be read of a file."""

    fields: int = MAX_FIELDS
    content: int = MAX_CONTENT_BYTES


class Message:
    """The bytes from `start` to `end` of `source`, as fields; its inner messages share `limits`."""

    def __init__(self, source: Source, start: int, end: int, limits: Limits) -> None:
        require_within(source, start, end - start)
        self._source, self._start, self._end, self._limits = source, start, end, limits

    def fields(self) -> Iterator[Field]:
        """Raises UnreadableCheckpoint for what is no message, and for too many fields."""
        at, window, begin = self._start, b"", self._start
        while at < self._end:
            self._limits.fields -= 1
            if self._limits.fields < 0:
                raise UnreadableCheckpoint(f"it has more than {MAX_FIELDS} fields")
            if min(at + HEAD_BYTES, self._end) > begin + len(window):
                begin, window = at, read(self._source, at, min(WINDOW_BYTES, self._end - at))
            head = window[at - begin : at - begin + HEAD_BYTES]
            key, used = varint(head, 0)
            field, length = self._field(head, key, used, at)
            at += length
            if field.number == 0 or at > self._end:
                raise UnreadableCheckpoint("damaged: a field ends past its message")
            yield field

    def _field(self, head: bytes, key: int, used: int, at: int) -> tuple[Field, int]:
        """The field, and its length with its key."""
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, end = varint(head, used)
            return Field(number, kind, value, at + used), end
        if kind == BYTES:
            value, end = varint(head, used)
            return Field(number, kind, value, at + end), end + value
        if kind in (FIXED_64, FIXED_32):
            width = 8 if kind == FIXED_64 else 4
            return Field(number, kind, width, at + used), used + width
        raise UnreadableCheckpoint(f"damaged: a field of the type {kind}")

    def message(self, field: Field) -> "Message":
        return Message(self._source, field.start, field.start + field.value, self._limits)

    def content(self, field: Field) -> bytes:
        """Raises UnreadableCheckpoint for a number, and for too many bytes."""
        if field.kind != BYTES:
            raise UnreadableCheckpoint("damaged: a number where bytes belong")
        self._limits.content -= field.value
        if self._limits.content < 0:
            raise UnreadableCheckpoint(
                f"its texts and packed numbers have more than {MAX_CONTENT_BYTES} bytes"
            )
        return read(self._source, field.start, field.value)

    def text(self, field: Field) -> str:
        return self.content(field).decode("utf-8", "replace")


def varints(content: bytes) -> NDArray[np.uint64]:
    """Numbers one after the other. Raises UnreadableCheckpoint."""
    found, at = [np.empty(0, np.uint64)], 0
    while at < len(content):
        portion = np.frombuffer(content, np.uint8, min(PORTION_BYTES, len(content) - at), at)
        ends = np.flatnonzero(portion < 0x80) + 1
        if not ends.size:
            raise UnreadableCheckpoint(NO_VARINT)
        found.append(_whole_varints(portion, ends))
        at += int(ends[-1])
    return np.concatenate(found)


def _whole_varints(octets: NDArray[np.uint8], ends: NDArray[np.int64]) -> NDArray[np.uint64]:
    starts = np.concatenate([[0], ends[:-1]])
    lengths = ends - starts
    longest = int(lengths.max())
    values = np.zeros(ends.size, np.uint64)
    for index in range(min(longest, MAX_VARINT_BYTES)):
        wide = lengths > index
        septets = octets[starts[wide] + index].astype(np.uint64) & np.uint64(0x7F)
        if index == MAX_VARINT_BYTES - 1 and septets.max() > 1:
            raise UnreadableCheckpoint(NO_VARINT)
        values[wide] |= septets << np.uint64(7 * index)
    if longest > MAX_VARINT_BYTES:
        raise UnreadableCheckpoint(NO_VARINT)
    return values


def varint(content: bytes, at: int) -> tuple[int, int]:
    """A number of at most 64 bits, and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(content):
            break
        value |= (content[at] & 0x7F) << shift
        at += 1
        if content[at - 1] < 0x80 and value < 2**64:
            return value, at
    raise UnreadableCheckpoint(NO_VARINT)
