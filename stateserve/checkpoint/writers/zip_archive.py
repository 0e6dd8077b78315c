"""Write a zip archive of stored entries, chunk by chunk, with its length known beforehand.

Source: PKWARE's APPNOTE.TXT, 6.3.10. A checksum follows its entry, so contents are read once.
"""

import struct
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from stateserve.checkpoint.readers.zip_archive import (
    END,
    END_64,
    END_64_BYTES,
    ENTRY,
    LOCAL,
    LOCAL_BYTES,
    LOCATOR,
    UNKNOWN_32,
)
from stateserve.checkpoint.writers.stream import Chunks, Stream

DESCRIPTOR = b"PK\x07\x08"
# Flags: a descriptor follows the content; the name is UTF-8.
FLAGS = 0x808
# 1 January 1980: an archive of the same tensors has the same bytes.
DATE = 0x21
# torch maps files whose storages begin at multiples of this. Readers skip the extra field.
ALIGNMENT, PADDING = 64, 0x4246


class Content(NamedTuple):
    name: str
    size: int
    chunks: Iterable[bytes | memoryview]


class _Place(NamedTuple):
    content: Content
    start: int

    @property
    def large(self) -> bool:
        return self.content.size >= UNKNOWN_32

    def header(self) -> bytes:
        """The local header, padded so that the content is aligned."""
        name = self.content.name.encode()
        wide = struct.pack("<HHQQ", 1, 16, 0, 0) if self.large else b""
        size = UNKNOWN_32 if self.large else 0
        pad = -(self.start + LOCAL_BYTES + len(name) + len(wide) + 4) % ALIGNMENT
        extra = wide + struct.pack("<HH", PADDING, pad) + bytes(pad)
        fields = (45, FLAGS, 0, 0, DATE, 0, size, size, len(name), len(extra))
        return LOCAL + struct.pack("<5H3I2H", *fields) + name + extra

    def descriptor(self, crc: int) -> bytes:
        layout = "<IQQ" if self.large else "<III"
        return DESCRIPTOR + struct.pack(layout, crc, self.content.size, self.content.size)

    def entry(self, crc: int) -> bytes:
        """The entry's record in the central directory."""
        name, size = self.content.name.encode(), self.content.size
        # The order of the specification; a field that fits is left out.
        wide = [number for number in (size, size, self.start) if number >= UNKNOWN_32]
        extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
        small, start = min(size, UNKNOWN_32), min(self.start, UNKNOWN_32)
        fields = (45, 45, FLAGS, 0, 0, DATE, crc, small, small, len(name), len(extra))
        return ENTRY + struct.pack("<6H3I5H2I", *fields, 0, 0, 0, 0, start) + name + extra

    def end(self) -> int:
        return self.start + len(self.header()) + self.content.size + len(self.descriptor(0))


def stream_zip(contents: Iterable[Content]) -> Stream:
    places, start = [], 0
    for content in contents:
        places.append(_Place(content, start))
        start = places[-1].end()
    directory = sum(len(place.entry(0)) for place in places)
    return Stream(
        _chunks(places, start), start + directory + len(_end(len(places), directory, start))
    )


def _chunks(places: list[_Place], start: int) -> Chunks:
    directory = b""
    for place in places:
        yield place.header()
        crc = 0
        for chunk in place.content.chunks:
            crc = zlib.crc32(chunk, crc)
            yield chunk
        yield place.descriptor(crc)
        directory += place.entry(crc)
    yield directory + _end(len(places), len(directory), start)


def _end(count: int, length: int, start: int) -> bytes:
    wide = b""
    if start + length >= UNKNOWN_32 or count >= 2**16 - 1:
        fields = (END_64_BYTES - 12, 45, 45, 0, 0, count, count, length, start)
        wide = END_64 + struct.pack("<QHHIIQQQQ", *fields)
        wide += LOCATOR + struct.pack("<IQI", 0, start + length, 1)
        count, start, length = min(count, 2**16 - 1), UNKNOWN_32, min(length, UNKNOWN_32)
    return wide + END + struct.pack("<4H2IH", 0, 0, count, count, length, start, 0)
