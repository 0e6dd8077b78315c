"""Read Protocol Buffers without their schema: the numbers, types and places of fields.

Source: protobuf.dev, "Encoding".
"""

from collections.abc import Iterator
from typing import NamedTuple

from stateserve.checkpoint.sources import Source, read, require_within
from stateserve.errors import UnreadableCheckpoint

VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5
MAX_FIELDS = 1_000_000
HEAD_BYTES = 20


class Field(NamedTuple):
    """`value` is a number, or the length of the field's bytes, which begin at `start`."""

    number: int
    kind: int
    value: int
    start: int


class Message:
    """The bytes from `start` to `end` of `source`, as fields."""

    def __init__(self, source: Source, start: int, end: int) -> None:
        require_within(source, start, end - start)
        self._source, self._start, self._end = source, start, end

    def fields(self) -> Iterator[Field]:
        """Raises UnreadableCheckpoint for what is no message."""
        at = self._start
        for _ in range(MAX_FIELDS):
            if at == self._end:
                return
            head = read(self._source, at, min(HEAD_BYTES, self._end - at))
            key, used = varint(head, 0)
            field, length = self._field(head, key, used, at)
            at += length
            if field.number == 0 or at > self._end:
                raise UnreadableCheckpoint("damaged: a field ends past its message")
            yield field
        raise UnreadableCheckpoint(f"a message of more than {MAX_FIELDS} fields")

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
        return Message(self._source, field.start, field.start + field.value)

    def content(self, field: Field, limit: int) -> bytes:
        """Raises UnreadableCheckpoint for more than `limit` bytes."""
        if field.kind != BYTES or field.value > limit:
            raise UnreadableCheckpoint(f"damaged: a field of {field.value} bytes")
        return read(self._source, field.start, field.value)

    def text(self, field: Field) -> str:
        return self.content(field, 2**16).decode("utf-8", "replace")


def varints(content: bytes) -> Iterator[int]:
    at = 0
    while at < len(content):
        value, at = varint(content, at)
        yield value


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
    raise UnreadableCheckpoint("damaged: a number without an end, or of more than 64 bits")
