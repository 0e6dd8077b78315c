"""Pictures as inputs: PNG and JPEG files to instances of a tensor, in bounded time and memory.

Reads PNG and JPEG only, and only their pixels and their EXIF orientation.
Raises InvalidInstances, BodyTooLarge, MalformedBody, and NotProvided without the extra `images`.
"""

from app.predict.pictures.base64_picture import decode_base64
from app.predict.pictures.decoder import decode_picture, decode_pictures
from app.predict.pictures.example_picture import example_picture
from app.predict.pictures.file_formats import picture_kind
from app.predict.pictures.geometry import MAX_PIXELS
from app.predict.pictures.multipart_body import FilePart, read_files
from app.predict.pictures.normalization import to_pixels

__all__ = [
    "MAX_PIXELS",
    "FilePart",
    "decode_base64",
    "decode_picture",
    "decode_pictures",
    "example_picture",
    "picture_kind",
    "read_files",
    "to_pixels",
]
