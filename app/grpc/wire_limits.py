"""Limits a message by the lengths of its fields, before protobuf parses it.

Protobuf parses in one call, meanwhile nobody else is answered. Contents of a fixed width are
copied, whatever their length; numbers of a variable width, and all else, take their time.
Source: protobuf.dev, "Encoding".
"""

from collections.abc import Iterator, Mapping
from typing import Any

from app.errors import BodyTooLarge, MalformedBody

MOST_BESIDE = 2**16
MOST_INTEGERS = 2**21
COPIED, INTEGERS = "copied", "integers"
# Of ModelInferRequest: inputs, in these contents, in these each datatype's; and the raw contents.
CONTENTS = {**dict.fromkeys(range(1, 6), INTEGERS), 6: COPIED, 7: COPIED}
MODEL_INFER: Mapping[int, Any] = {5: {5: CONTENTS}, 7: COPIED}
VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5
WIDTHS = {FIXED64: 8, FIXED32: 4}


def require_quick_to_parse(content: bytes, layout: Mapping[int, Any]) -> None:
    """Raise BodyTooLarge or MalformedBody; `layout` has the fields that may be long."""
    lengths = {COPIED: 0, INTEGERS: 0}
    beside = 0
    for kind, size in _fields(content, 0, len(content), layout):
        if kind is None:
            beside += size
        else:
            lengths[kind] += size
        if beside > MOST_BESIDE:
            raise BodyTooLarge(f"more than {MOST_BESIDE} bytes beside the contents of tensors")
        if lengths[INTEGERS] > MOST_INTEGERS:
            raise BodyTooLarge(
                f"more than {MOST_INTEGERS} bytes of integers; raw_input_contents may have more"
            )


def varint(number: int) -> bytes:
    """A number as the wire has it: seven bits a byte, the low ones first."""
    written = bytearray()
    while number >= 0x80:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def _fields(
    content: bytes, position: int, end: int, layout: Mapping[int, Any]
) -> Iterator[tuple[str | None, int]]:
    """What is in a message, and how many bytes of it; None for what has no place in `layout`."""
    while position < end:
        start = position
        tag, position = _varint(content, position, end)
        inner = layout.get(tag >> 3) if tag & 7 == DELIMITED else None
        if tag & 7 == DELIMITED:
            length, position = _varint(content, position, end)
            after = position + length
        elif tag & 7 == VARINT:
            _, after = _varint(content, position, end)
        elif tag & 7 in WIDTHS:
            after = position + WIDTHS[tag & 7]
        else:
            raise MalformedBody(f"wire type {tag & 7}", start, "protobuf")
        if after > end:
            raise MalformedBody("a field goes on beyond its message", start, "protobuf")
        yield None, (after if inner is None else position) - start
        if isinstance(inner, Mapping):
            yield from _fields(content, position, after, inner)
        elif inner is not None:
            yield inner, after - position
        position = after


def _varint(content: bytes, position: int, end: int) -> tuple[int, int]:
    """A number, and where it ends."""
    value = 0
    for index, byte in enumerate(content[position : min(position + 10, end)]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, position + index + 1
    raise MalformedBody("a number without end", position, "protobuf")
