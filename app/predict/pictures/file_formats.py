"""Chooses the reader of a picture's file by its first bytes."""

from collections.abc import Callable

from app.predict.headers import Body
from app.predict.pictures.jpeg_file import START, read_jpeg
from app.predict.pictures.picture_file import PictureError, PictureFile
from app.predict.pictures.png_file import SIGNATURE, read_png

READERS: dict[bytes, Callable[[Body], PictureFile]] = {SIGNATURE: read_png, START: read_jpeg}
# Other files that are sent as pictures.
OTHERS = {
    b"GIF8": "a GIF",
    b"RIFF": "a WebP or another RIFF file",
    b"BM": "a BMP",
    b"II*\0": "a TIFF",
    b"MM\0*": "a TIFF",
    b"\0\0\0": "an AVIF, HEIC or JPEG 2000 file",
    b"%": "a PDF or PostScript file",
    b"<": "a text such as SVG or HTML",
    b"data:": "a data: URL",
}


def is_picture(content: Body) -> bool:
    """Whether the first bytes are those of a picture, accepted or not."""
    return content.startswith((*READERS, *OTHERS))


def read_picture_file(content: Body) -> PictureFile:
    """Raises PictureError for all but one whole PNG or JPEG file of one picture."""
    for start, read in READERS.items():
        if content.startswith(start):
            file = read(content)
            if not file.width or not file.height:
                raise PictureError(f"a {file.format} of {file.width} x {file.height} pixels")
            return file
    kinds = (kind for start, kind in OTHERS.items() if content.startswith(start))
    kind = next(kinds, f"{len(content)} bytes of another format" if content else "no bytes")
    raise PictureError(f"{kind}; PNG and JPEG are accepted")
