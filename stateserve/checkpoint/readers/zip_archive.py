"""Zip archives by their central directory alone: places of entries, without reading them.

Stricter than zipfile, which reads any archive: an entry must lie within the file, in front of the
directory, and each name may occur once. Source: PKWARE's APPNOTE.TXT, 6.3.10.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from stateserve.checkpoint.readers.inflated import Inflated
from stateserve.checkpoint.sources import Part, Source, read
from stateserve.errors import UnreadableCheckpoint

# Each takes 46 bytes of the file, and about 600 of memory.
MAX_ENTRIES = 50_000
# Of all entries once inflated: this, and a multiple of the file.
MAX_INFLATED = 2**24
MAX_RATIO = 32
END, END_BYTES = b"PK\x05\x06", 22
LOCATOR, LOCATOR_BYTES = b"PK\x06\x07", 20
END_64, END_64_BYTES = b"PK\x06\x06", 56
ENTRY, ENTRY_BYTES = b"PK\x01\x02", 46
LOCAL, LOCAL_BYTES = b"PK\x03\x04", 30
STORED, DEFLATED = 0, 8
UNKNOWN_32 = 2**32 - 1
MAX_COMMENT = 2**16


@dataclass(frozen=True, slots=True)
class Entry:
    """`size` counts bytes once they are inflated, `stored` those in the file."""

    name: str
    method: int
    crc: int
    stored: int
    size: int
    header: int


class ZipArchive:
    """The entries of an archive by name. Raises UnreadableCheckpoint for any other file."""

    def __init__(self, source: Source) -> None:
        self._source, self.size = source, source.size
        self.entries: dict[str, Entry] = {}
        for entry in self._directory():
            if entry.name in self.entries:
                raise UnreadableCheckpoint("the archive has two entries of one name")
            self.entries[entry.name] = entry
        self._require_claims()

    def _require_claims(self) -> None:
        entries = self.entries.values()
        if sum(entry.stored for entry in entries) > self._source.size:
            raise UnreadableCheckpoint("the archive claims more bytes than the file has")
        if sum(entry.size for entry in entries) > MAX_INFLATED + MAX_RATIO * self._source.size:
            raise UnreadableCheckpoint(
                f"the archive claims more than {MAX_RATIO} times the bytes of the file"
            )

    def part(self, name: str) -> Source:
        """The bytes of an entry, which must not be compressed. Raises UnreadableCheckpoint."""
        entry = self._entry(name)
        if entry.method != STORED:
            raise UnreadableCheckpoint("has compressed entries, which torch.save never writes")
        return self._stored(entry)

    def inflated(self, name: str) -> Source:
        """The bytes of an entry, compressed or not. Raises UnreadableCheckpoint."""
        entry = self._entry(name)
        if entry.method == STORED:
            return self._stored(entry)
        if entry.method != DEFLATED:
            raise UnreadableCheckpoint(f"{name!r:.100} is compressed by method {entry.method}")
        return Inflated(self._stored(entry), entry.size)

    def read(self, name: str, limit: int) -> bytes:
        """The whole entry, its checksum verified. Raises UnreadableCheckpoint."""
        if self._entry(name).size > limit:
            raise UnreadableCheckpoint(f"{name!r:.100} has more than {limit} bytes")
        part = self.inflated(name)
        content = read(part, 0, part.size)
        if zlib.crc32(content) != self._entry(name).crc:
            raise UnreadableCheckpoint(f"damaged: Bad CRC-32 of {name!r:.100}")
        return content

    def crc(self, name: str) -> int:
        return self._entry(name).crc

    def _entry(self, name: str) -> Entry:
        if name not in self.entries:
            raise UnreadableCheckpoint(f"the archive lacks {name!r:.100}")
        return self.entries[name]

    def _stored(self, entry: Entry) -> Part:
        header = read(self._source, entry.header, LOCAL_BYTES)
        if header[:4] != LOCAL:
            raise UnreadableCheckpoint(f"{entry.name!r:.100} is not where the archive says")
        name, extra = struct.unpack("<HH", header[26:30])
        return Part(self._source, entry.header + LOCAL_BYTES + name + extra, entry.stored)

    def _directory(self) -> Iterator[Entry]:
        start, length, count = _find_directory(self._source)
        if count > MAX_ENTRIES:
            raise UnreadableCheckpoint(f"the archive has more than {MAX_ENTRIES} entries")
        # An entry's name, extra field and comment have at most 64 KiB each.
        if length > MAX_ENTRIES * 2**10:
            raise UnreadableCheckpoint("the archive's directory is too long")
        directory, at = read(self._source, start, length), 0
        for _ in range(count):
            if directory[at : at + 4] != ENTRY or at + ENTRY_BYTES > length:
                raise UnreadableCheckpoint("not a whole archive: its directory is damaged")
            entry, at = _parse(directory, at)
            if entry.header + entry.stored > start:
                raise UnreadableCheckpoint("the archive claims more bytes than the file has")
            yield entry


def _parse(directory: bytes, at: int) -> tuple[Entry, int]:
    """The entry whose record begins at `at`, and the end of the record."""
    (_, _, _, flags, method, _, _, crc, stored, size, name, extra, comment, *_, header) = (
        struct.unpack_from("<4s6H3I5H2I", directory, at)
    )
    at += ENTRY_BYTES
    text = directory[at : at + name].decode("utf-8" if flags & 0x800 else "cp437", "replace")
    fields = directory[at + name : at + name + extra]
    if flags & 1:
        raise UnreadableCheckpoint("the archive is encrypted")
    size, stored, header = _wide(fields, size, stored, header)
    if method == STORED and size != stored:
        raise UnreadableCheckpoint("the archive claims more bytes than the file has")
    return Entry(text, method, crc, stored, size, header), at + name + extra + comment


def _wide(fields: bytes, *numbers: int) -> Iterator[int]:
    """Numbers that do not fit into 32 bits are in an extra field, in this order."""
    wide, at = b"", 0
    while at + 4 <= len(fields):
        kind, length = struct.unpack_from("<HH", fields, at)
        at += 4 + length
        if kind == 1:
            wide = fields[at - length : at]
            break
    for number in numbers:
        if number == UNKNOWN_32 and len(wide) >= 8:
            yield int.from_bytes(wide[:8], "little")
            wide = wide[8:]
        else:
            yield number


def _find_directory(source: Source) -> tuple[int, int, int]:
    """Start and length of the central directory, and the number of its entries."""
    tail_start = max(0, source.size - END_BYTES - MAX_COMMENT)
    tail = read(source, tail_start, source.size - tail_start)
    at = tail.rfind(END)
    if at < 0 or at + END_BYTES > len(tail):
        raise UnreadableCheckpoint(
            "not a whole archive: its end is missing, as after a download that broke off"
        )
    count, length, start = struct.unpack_from("<HII", tail, at + 10)
    locator = at - LOCATOR_BYTES
    if locator >= 0 and tail[locator : locator + 4] == LOCATOR:
        (place,) = struct.unpack_from("<Q", tail, locator + 8)
        end = read(source, place, END_64_BYTES)
        if end[:4] != END_64:
            raise UnreadableCheckpoint("not a whole archive: its directory is damaged")
        count, length, start = struct.unpack_from("<QQQ", end, 32)
    if start + length > source.size:
        raise UnreadableCheckpoint("not a whole archive: its directory is past the end")
    return start, length, count
