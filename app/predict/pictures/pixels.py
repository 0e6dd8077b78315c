"""Decodes PNG and JPEG to pixels by Pillow; needs `pip install .[images]`."""

import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from app.predict.pictures.geometry import crop_box, cropped, resized
from app.predict.pictures.picture_file import PictureError, PictureFile
from stateserve.model import ImageInput
from stateserve.text import MOST_SHOWN, printable

# Not Image.open, which tries further formats, some of them by other programs, and changes the
# limits of the whole process.
READERS: dict[str, type[ImageFile]] = {"PNG": PngImageFile, "JPEG": JpegImageFile}
# What Pillow raises for files that it cannot read; see Image.open and the plugins.
UNREADABLE = (OSError, SyntaxError, ValueError, IndexError, TypeError, EOFError, struct.error)
_Turn = Image.Transpose
TURNS = {
    2: _Turn.FLIP_LEFT_RIGHT,
    3: _Turn.ROTATE_180,
    4: _Turn.FLIP_TOP_BOTTOM,
    5: _Turn.TRANSPOSE,
    6: _Turn.ROTATE_270,
    7: _Turn.TRANSVERSE,
    8: _Turn.ROTATE_90,
}


def read_pixels(file: PictureFile, image: ImageInput) -> NDArray[np.uint8]:
    """The pixels (height, width, channels) after rotation, resize and crop.

    Raises PictureError.
    """
    picture = _decode(file, image.mode)
    if file.orientation in TURNS:
        picture = picture.transpose(TURNS[file.orientation])
    size = resized(picture.size, image)
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling[image.interpolation.upper()])
    if image.crop is not None:
        picture = picture.crop(crop_box(size, cropped(size, image)))
    pixels = np.asarray(picture)
    return pixels.reshape(*pixels.shape[:2], -1)


def _decode(file: PictureFile, mode: str) -> Image.Image:
    try:
        picture = READERS[file.format](io.BytesIO(file.content))
        if picture.size == (file.width, file.height):
            picture.load()
            _require_colours(picture, file.colours)
            return _convert(picture, mode)
        reason = f"of {picture.width} x {picture.height} pixels, too"
    except PictureError:
        raise
    except UNREADABLE as error:
        reason = printable(str(error)[:MOST_SHOWN])
    raise PictureError(f"a {file.format} that cannot be decoded: {reason}")


def _require_colours(picture: Image.Image, colours: int) -> None:
    """Raise PictureError for an index beyond the palette, for which Pillow takes black."""
    if colours and (highest := int(picture.getextrema()[1])) >= colours:  # type: ignore[arg-type]
        raise PictureError(f"a PNG with the index {highest} in a palette of {colours} colours")


def _convert(picture: Image.Image, mode: str) -> Image.Image:
    """Convert as Pillow does: without alpha, CMYK without its profile."""
    if picture.mode == "I;16":
        # Pillow would clip at 255. Of 16-bit colours it takes the high byte, too.
        high = (np.asarray(picture) >> 8).astype(np.uint8)
        picture = Image.fromarray(high)
    if mode != "RGBA":
        # Of no influence on the colours, but Pillow warns about some palettes that have it.
        picture.info.pop("transparency", None)
    return picture if picture.mode == mode else picture.convert(mode)
