"""Reads the chunks of a PNG file. Source: the PNG specification, third edition, section 5."""

import struct
import zlib

from app.predict.headers import Body
from app.predict.pictures.picture_file import PictureError, PictureFile, read_orientation
from stateserve.text import shown

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# The chunks that pixels depend on.
KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
# A length, a name and a checksum.
OVERHEAD = 12
HEADER_BYTES = 13
# Encoders write 8 KiB or more in a chunk.
MAX_CHUNKS = 100_000


def read_png(content: Body) -> PictureFile:
    """Raises PictureError."""
    view = memoryview(content)
    kept: list[bytes | memoryview] = [SIGNATURE]
    width = height = 0
    orientation = 1
    position = len(SIGNATURE)
    for number in range(MAX_CHUNKS):
        name, data = _chunk(view, position)
        if (name == b"IHDR") != (number == 0):
            raise PictureError("a PNG that does not begin with its one IHDR chunk")
        if name == b"IHDR" and len(data) == HEADER_BYTES:
            width, height = struct.unpack_from(">II", data)
        elif name == b"eXIf":
            orientation = read_orientation(bytes(data))
        elif name == b"acTL":
            _require_one_frame(data)
        end = position + OVERHEAD + len(data)
        if name in KEPT:
            kept.append(view[position:end])
        elif not name[0] & 0x20:
            # An upper case letter: no decoder may skip this chunk.
            raise PictureError(f"a PNG with the unknown chunk {shown(name)}")
        if name == b"IEND":
            return PictureFile("PNG", b"".join(kept), width, height, orientation)
        position = end
    raise PictureError(f"a PNG of more than {MAX_CHUNKS} chunks")


def _chunk(view: memoryview, position: int) -> tuple[bytes, memoryview]:
    """The name and the data of the chunk at `position`."""
    start = position + 8
    if start > len(view):
        raise PictureError(f"a PNG that is cut off after {len(view)} bytes")
    length, name = struct.unpack_from(">I4s", view, position)
    end = start + length
    if end + 4 > len(view):
        raise PictureError(f"a PNG that is cut off after {len(view)} bytes")
    (checksum,) = struct.unpack_from(">I", view, end)
    if zlib.crc32(view[position + 4 : end]) != checksum:
        raise PictureError(f"a PNG whose chunk {shown(name)} does not fit its checksum")
    return name, view[start:end]


def _require_one_frame(data: memoryview) -> None:
    frames = int.from_bytes(data[:4], "big")
    if frames > 1:
        raise PictureError(f"an animated PNG of {frames} frames; one picture is accepted")
