"""Chooses the reader of a picture's file by its first bytes."""

import re
from collections.abc import Callable

from app.predict.headers import Body
from app.predict.pictures.jpeg_file import START, read_jpeg
from app.predict.pictures.picture_file import PictureError, PictureFile
from app.predict.pictures.png_file import SIGNATURE, read_png

READERS: dict[bytes, Callable[[Body], PictureFile]] = {SIGNATURE: read_png, START: read_jpeg}
# Each file has some of these bytes in its first 64.
WITHOUT_BREAKS = re.compile(rb"(\x89PNG\x1a|\xff\xd8)[^\0\r\n]{64}")
# With other files that are sent as pictures.
KINDS = {
    re.compile(start, re.DOTALL): kind
    for start, kind in {
        re.escape(SIGNATURE): "a PNG",
        re.escape(START): "a JPEG",
        re.escape(SIGNATURE.translate(None, b"\r\n")): "a PNG",
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
    if WITHOUT_BREAKS.match(content):
        raise PictureError(
            f"{picture_kind(content)} without the bytes that curl -d leaves out; "
            "curl --data-binary @FILE sends all"
        )
    for start, read in READERS.items():
        if content.startswith(start):
            file = read(content)
            if not file.width or not file.height:
                raise PictureError(f"a {file.format} of {file.width} x {file.height} pixels")
            return file
    kind = f"{len(content)} bytes of another format" if content else "no bytes"
    raise PictureError(f"{picture_kind(content) or kind}; PNG and JPEG are accepted")
