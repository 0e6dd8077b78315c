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
# The colour type of pixels that are indices of a palette, and the values of a pixel by type.
INDEXED, CHANNELS = 3, {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
MAX_COLOURS = 256
# Rows that do not compress, in interlaced or in many short blocks, have fewer than these and twice
# the bytes of the pixels.
SPARE_BYTES = 2**16
# Encoders write 8 KiB or more in a chunk.
MAX_CHUNKS = 100_000


def read_png(content: Body) -> PictureFile:
    """Raises PictureError."""
    view = memoryview(content)
    kept: list[bytes | memoryview] = [SIGNATURE]
    pixels, orientation = _Pixels(), 1
    position = len(SIGNATURE)
    for number in range(MAX_CHUNKS):
        name, data = _chunk(view, position)
        if (name == b"IHDR") != (number == 0):
            raise PictureError("a PNG that does not begin with its one IHDR chunk")
        if name in KEPT:
            pixels.take(name, data)
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
            size = (pixels.width, pixels.height)
            return PictureFile("PNG", b"".join(kept), *size, orientation, pixels.colours)
        position = end
    raise PictureError(f"a PNG of more than {MAX_CHUNKS} chunks")


class _Pixels:
    """What the chunks say of the pixels: their size, and the colours of a palette."""

    def __init__(self) -> None:
        self.width = self.height = self.colours = 0
        self._indexed, self._most_bytes = False, 0

    def take(self, name: bytes, data: memoryview) -> None:
        """The data of one of the chunks that are kept. Raises PictureError."""
        if name == b"IHDR" and len(data) == HEADER_BYTES:
            self._take_header(*struct.unpack(">IIBBBBB", data))
        elif name == b"PLTE" and self._indexed:
            self.colours = _count_colours(data)
        elif name == b"IDAT":
            if self._indexed and not self.colours:
                raise PictureError("a PNG of indices without a palette (PLTE) before its pixels")
            self._most_bytes -= len(data)
            if self._most_bytes < 0:
                raise PictureError("a PNG with far more data than its rows have")

    def _take_header(self, width: int, height: int, depth: int, colour: int, *methods: int) -> None:
        names = ("compression", "filter", "interlace")
        for name, found, known in zip(names, methods, (0, 0, 1), strict=True):
            if found > known:
                raise PictureError(f"a PNG of the unknown {name} method {found}")
        self.width, self.height, self._indexed = width, height, colour == INDEXED
        pixels = height * (1 + width * CHANNELS.get(colour, 4) * depth // 8)
        self._most_bytes = SPARE_BYTES + 2 * pixels


def _count_colours(data: memoryview) -> int:
    count, rest = divmod(len(data), 3)
    if rest or not 0 < count <= MAX_COLOURS:
        reason = f"a palette (PLTE) of {len(data)} bytes; 3 for each of up to {MAX_COLOURS} colours"
        raise PictureError(f"a PNG with {reason}")
    return count


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
