"""Reads the segments of a JPEG file. Source: ITU-T T.81, annex B."""

import re
import struct
from typing import NoReturn

from app.predict.headers import Body
from app.predict.pictures.picture_file import PictureError, PictureFile, read_orientation

START, END = b"\xff\xd8", b"\xff\xd9"
SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
SOS, EOI, APP1 = 0xDA, 0xD9, 0xE1
EXIF = b"Exif\0\0"
# Application data and comments; the decoder needs those of JFIF and Adobe for the colours.
METADATA = (frozenset(range(0xE0, 0xF0)) | {0xFE}) - {0xE0, 0xEE}
MARKER = re.compile(rb"\xff{1,64}([\xc0-\xcf\xd9-\xfe])")
# In a scan's data, 0 follows each byte 255, and RST markers belong to it.
SCAN_END = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
MAX_SEGMENTS = 2_000
# Encoders write about 10. Each scan takes the time of a whole picture, even with few bytes.
MAX_SCANS = 32


def read_jpeg(content: Body) -> PictureFile:
    """Raises PictureError. Ignores further pictures in the file, such as thumbnails."""
    view = memoryview(content)
    kept: list[bytes | memoryview] = [START]
    size: tuple[int, int] | None = None
    orientation = 1
    scans = 0
    position = len(START)
    for _ in range(MAX_SEGMENTS):
        marker = MARKER.match(content, position)
        if marker is None:
            _fail(content, position)
        code = marker[1][0]
        if code == EOI:
            width, height = size or (0, 0)
            return PictureFile("JPEG", b"".join([*kept, END]), width, height, orientation)
        data = _data(view, marker.end())
        end = marker.end() + 2 + len(data)
        if code in SOF:
            if size or len(data) < 5:
                raise PictureError("a JPEG whose frame header is broken")
            height, width = struct.unpack_from(">HH", data, 1)
            size = width, height
        elif code == SOS:
            scans += 1
            end = _scan_end(content, end)
        elif code == APP1 and data[: len(EXIF)] == EXIF:
            orientation = read_orientation(bytes(data[len(EXIF) :]))
        if scans > MAX_SCANS:
            raise PictureError(f"a JPEG of more than {MAX_SCANS} scans")
        if code not in METADATA:
            kept.append(view[marker.end() - 2 : end])
        position = end
    raise PictureError(f"a JPEG of more than {MAX_SEGMENTS} segments")


def _data(view: memoryview, start: int) -> memoryview:
    """The data of the segment whose length is at `start`."""
    length = int.from_bytes(view[start : start + 2], "big")
    if start + max(length, 2) > len(view):
        _fail(view, len(view))
    if length < 2:
        _fail(view, start)
    return view[start + 2 : start + length]


def _scan_end(content: Body, start: int) -> int:
    """The position of the marker after the data of a scan."""
    marker = SCAN_END.search(content, start)
    if marker is None:
        _fail(content, len(content))
    return marker.start()


def _fail(content: Body | memoryview, position: int) -> NoReturn:
    if position + 1 >= len(content):
        raise PictureError(f"a JPEG that is cut off after {len(content)} bytes")
    raise PictureError(f"a JPEG that is broken at byte {position}")
