"""Files of pictures, made by Pillow or, where Pillow cannot, from their parts."""

import io
import struct
import zlib

from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def saved(picture: Image.Image, format: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format, **options)
    return stream.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG: its length, name, data and checksum."""
    checksum = zlib.crc32(name + data)
    return struct.pack(">I4s", len(data), name) + data + struct.pack(">I", checksum)


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *others: bytes) -> bytes:
    """A PNG of unfiltered `rows`, each after a 0; `others` are chunks before its data."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(rows))
    parts = chunk(b"IHDR", header), *others, data, chunk(b"IEND", b"")
    return SIGNATURE + b"".join(parts)


def segment(marker: int, data: bytes) -> bytes:
    """A segment of a JPEG: its marker, length and data."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def oriented(value: int, order: str = ">") -> bytes:
    """EXIF data with this orientation."""
    start = {">": b"MM\0*", "<": b"II*\0"}[order]
    return start + struct.pack(f"{order}IHHHIHHI", 8, 1, 0x0112, 3, 1, value, 0, 0)


def with_exif(jpeg: bytes, exif: bytes) -> bytes:
    return jpeg[:2] + segment(0xE1, b"Exif\0\0" + exif) + jpeg[2:]
