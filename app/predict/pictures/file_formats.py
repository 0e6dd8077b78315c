"""Chooses the reader of a picture's file by its first bytes."""

import re
from collections.abc import Callable

from app.predict.headers import Body
from app.predict.pictures.jpeg_file import START, read_jpeg
from app.predict.pictures.picture_file import PictureError, PictureFile
from app.predict.pictures.png_file import SIGNATURE, read_png

READERS: dict[bytes, Callable[[Body], PictureFile]] = {SIGNATURE: read_png, START: read_jpeg}
# With other files that are sent as pictures.
KINDS = {
    re.compile(start, re.DOTALL): kind
    for start, kind in {
        re.escape(SIGNATURE): "a PNG",
        re.escape(START): "a JPEG",
        rb"GIF8": "a GIF",
        rb"RIFF": "a WebP or another RIFF file",
        # A table may begin with BMI.
        rb"BM.{4}\0\0\0\0": "a BMP",
        rb"II\*\0|MM\0\*": "a TIFF",
        rb"\0\0\0": "an AVIF, HEIC or JPEG 2000 file",
        rb"%PDF|%!PS": "a PDF or PostScript file",
        rb"<": "a text such as SVG or HTML",
        rb"data:": "a data: URL",
    }.items()
}


def picture_kind(content: Body) -> str | None:
    """ "a GIF": what the first bytes of a picture say, accepted or not; None of no picture."""
    return next((kind for start, kind in KINDS.items() if start.match(content)), None)


def read_picture_file(content: Body) -> PictureFile:
    """Raises PictureError for all but one whole PNG or JPEG file of one picture."""
    for start, read in READERS.items():
        if content.startswith(start):
            file = read(content)
            if not file.width or not file.height:
                raise PictureError(f"a {file.format} of {file.width} x {file.height} pixels")
            return file
    kind = f"{len(content)} bytes of another format" if content else "no bytes"
    raise PictureError(f"{picture_kind(content) or kind}; PNG and JPEG are accepted")
