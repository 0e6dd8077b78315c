"""A picture in a file: its size and orientation, and the parts of the file that hold its pixels.

Pillow gets only these parts, so text, profiles, thumbnails and further pictures are never parsed.
"""

import struct
from dataclasses import dataclass
from typing import Literal

ORIENTATION_TAG, SHORT = 0x0112, 3
BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}


class PictureError(ValueError):
    """A file that is not one whole picture; the text is part of a message to the caller."""


@dataclass(frozen=True)
class PictureFile:
    """`content` has no metadata; `width` and `height` are before the rotation.

    `orientation`, 1 to 8, is EXIF's: how to rotate and mirror the picture. `colours` are those of
    the palette, if the pixels are its indices.
    """

    format: Literal["PNG", "JPEG"]
    content: bytes
    width: int
    height: int
    orientation: int
    colours: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as a viewer sees them."""
        turned = self.orientation >= 5
        return (self.height, self.width) if turned else (self.width, self.height)


def read_orientation(exif: bytes) -> int:
    """The orientation in EXIF data, a TIFF file's first directory; 1 if it has none.

    Source: CIPA DC-008 (Exif), section 4.6.4; TIFF 6.0, section 2.
    """
    order = BYTE_ORDERS.get(exif[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (entries,) = struct.unpack_from(f"{order}H", exif, start)
        for entry in range(start + 2, start + 2 + 12 * entries, 12):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", exif, entry)
            if (tag, kind) == (ORIENTATION_TAG, SHORT) and 1 <= value <= 8:
                return int(value)
    except struct.error:
        # Viewers show a picture whose EXIF data is broken.
        pass
    return 1
