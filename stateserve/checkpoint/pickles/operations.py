"""Split the bytes of a pickle into operations: the name of each opcode, and its argument.

Source: Lib/pickletools.py of Python, which documents every opcode.
"""

import codecs
import pickle
import pickletools
import struct
from collections.abc import Container, Iterator
from typing import BinaryIO

from stateserve.checkpoint.pickles.objects import Blob
from stateserve.checkpoint.sources import Source
from stateserve.errors import UnreadableCheckpoint

# Longer bytes stay in the file.
BLOB_BYTES = 2**12
OPCODES = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}
# The bytes of the length that precedes an argument.
LENGTHS = {
    **dict.fromkeys((b"U", b"C", b"\x8c", b"\x8a"), 1),
    **dict.fromkeys((b"T", b"B", b"X", b"\x8b"), 4),
    **dict.fromkeys((b"\x8d", b"\x8e", b"\x96"), 8),
}
# Arguments of a fixed size, which pickletools reads as well, but slowly.
NUMBERS = {
    **dict.fromkeys((b"K", b"h", b"q", b"\x80"), struct.Struct("<B")),
    **dict.fromkeys((b"j", b"r"), struct.Struct("<I")),
    b"M": struct.Struct("<H"),
    b"J": struct.Struct("<i"),
    b"G": struct.Struct(">d"),
}
TEXTS, OLD_TEXTS, BYTES = (b"X", b"\x8c", b"\x8d"), (b"U", b"T"), (b"B", b"C", b"\x8e", b"\x96")


def operations(
    stream: BinaryIO, source: Source, known: Container[str]
) -> Iterator[tuple[str, object]]:
    """The operations up to the end of a pickle.

    Raises UnreadableCheckpoint for an opcode that is not in `known`, and ValueError for bytes
    that are no pickle.
    """
    code, read = b"", stream.read
    while code != b".":
        code = read(1)
        if code not in OPCODES:
            raise ValueError(f"opcode {code!r} is unknown" if code else "the pickle is cut short")
        opcode = OPCODES[code]
        if opcode.name not in known:
            raise UnreadableCheckpoint(f"the pickle has the opcode {opcode.name}")
        if opcode.arg is None:
            yield opcode.name, None
        elif code in NUMBERS:
            number = NUMBERS[code]
            yield opcode.name, number.unpack(read(number.size))[0]
        elif code in LENGTHS:
            yield opcode.name, _counted(stream, source, code)
        elif code == b"S":
            yield opcode.name, codecs.escape_decode(_quoted(stream.readline()))[0].decode("latin-1")
        else:
            yield opcode.name, opcode.arg.reader(stream)


def _counted(stream: BinaryIO, source: Source, code: bytes) -> object:
    """An argument of which the length is known before it is read."""
    length = int.from_bytes(stream.read(LENGTHS[code]), "little")
    start = stream.tell()
    if length > source.size - start:
        raise ValueError("the pickle is cut short")
    if code in BYTES and length >= BLOB_BYTES:
        stream.seek(start + length)
        return Blob.of(source, start, length)
    content = stream.read(length)
    if code in TEXTS:
        return content.decode("utf-8", "surrogatepass")
    if code in OLD_TEXTS:
        # Python 2 has one type for text and bytes.
        return content.decode("latin-1")
    return content if code in BYTES else pickle.decode_long(content)


def _quoted(line: bytes) -> bytes:
    text = line.rstrip(b"\r\n")
    if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in (b"'", b'"'):
        raise ValueError("a text without quotes")
    return text[1:-1]
