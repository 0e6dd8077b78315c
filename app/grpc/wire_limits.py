"""Limits the lengths of a message's fields before protobuf parses it.

Protobuf parses in one call, which blocks all other requests. It copies contents of a fixed width
quickly; integers of a variable width and all other fields take long.
Source: protobuf.dev, "Encoding".
"""

from collections.abc import Iterator, Mapping
from typing import Any

from app.errors import BodyTooLarge, MalformedBody

MAX_OTHER_BYTES = 2**16
MOST_INTEGERS = 2**21
COPIED, INTEGERS = "copied", "integers"
# Field numbers of ModelInferRequest: inputs, their contents by datatype; and raw_input_contents.
CONTENTS = {**dict.fromkeys(range(1, 6), INTEGERS), 6: COPIED, 7: COPIED}
MODEL_INFER: Mapping[int, object] = {5: {5: CONTENTS}, 7: COPIED}
VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5
WIDTHS = {FIXED64: 8, FIXED32: 4}


def require_quick_to_parse(content: bytes, layout: Mapping[int, object]) -> None:
    """Raise BodyTooLarge or MalformedBody; only the fields in `layout` may be long."""
    lengths = {COPIED: 0, INTEGERS: 0}
    other = 0
    for kind, size in _fields(content, 0, len(content), layout):
        if kind is None:
            other += size
        else:
            lengths[kind] += size
        if other > MAX_OTHER_BYTES:
            raise BodyTooLarge(f"more than {MAX_OTHER_BYTES} bytes beside the contents of tensors")
        if lengths[INTEGERS] > MOST_INTEGERS:
            raise BodyTooLarge(
                f"more than {MOST_INTEGERS} bytes of integers; raw_input_contents may have more"
            )


def varint(number: int) -> bytes:
    """Encode a number: seven bits a byte, the low bits first."""
    written = bytearray()
    while number >= 0x80:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def _fields(
    content: bytes, position: int, end: int, layout: Mapping[int, Any]
) -> Iterator[tuple[str | None, int]]:
    """The kind of each field and its number of bytes; kind None if it is not in `layout`."""
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
    """The number at `position`, and the position after it."""
    value = 0
    for index, byte in enumerate(content[position : min(position + 10, end)]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, position + index + 1
    raise MalformedBody("a number without end", position, "protobuf")
