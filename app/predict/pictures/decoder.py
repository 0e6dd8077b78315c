"""Decodes the pictures of one request into one array, one after the other."""

import asyncio
import math
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from typing import TypeVar

import numpy as np

from app.errors import MAX_FAULTS, BodyTooLarge, InvalidInstances, NotProvided
from app.predict.headers import Body
from app.predict.large_requests import NeedsThread
from app.predict.pictures.file_formats import read_picture_file
from app.predict.pictures.geometry import MAX_PIXELS, MAX_SIDE, cropped, instance_shape, resized
from app.predict.pictures.normalization import image_of, to_values
from app.predict.pictures.picture_file import PictureError, PictureFile
from stateserve.checkpoint import Array
from stateserve.errors import Fault
from stateserve.model import ImageInput, Input

# Of all pictures of one request, in their files or resized. They take about 10 seconds, or 30 as
# JPEG of many scans.
MAX_REQUEST_PIXELS = 500_000_000
# Of the array of one request.
MAX_REQUEST_BYTES = 2**28
# Larger pictures are decoded one at a time, whatever the number of requests: memory is bounded.
LARGE_PIXELS = 4_000_000
# More are decoded in a thread only.
LOOP_PIXELS = 40_000
Shape = tuple[int, ...]
Result = TypeVar("Result")
_large = threading.Lock()


def decode_picture(content: Body, spec: Input, pointer: str = "") -> Array:
    """As decode_pictures, for one picture: the instance, without the batch axis."""
    instance: Array = decode_pictures([content], spec, [pointer])[0]
    return instance


def decode_pictures(contents: Sequence[Body], spec: Input, pointers: Sequence[str]) -> Array:
    """The array (pictures, ...) of the input `spec` for PNG and JPEG files, at least one.

    `pointers` are the places of the pictures in the request. All sizes are checked before the
    first picture is decoded: against the limits, the shape of `spec`, and the first picture.
    Raises InvalidInstances, BodyTooLarge, or NotProvided without Pillow. May take seconds.
    """
    try:
        # Imported here, because only pictures need Pillow.
        from app.predict.pictures.pixels import read_pixels
    except ImportError:
        raise NotProvided("pictures need Pillow: pip install '.[images]'") from None
    image = image_of(spec)
    files = _for_each(pointers, lambda index: read_picture_file(contents[index]))
    _require_thread(_require_few_pixels(files, image, pointers))
    shape = _common_shape(files, spec, pointers)
    instances = _empty(len(files), shape, np.dtype(spec.dtype))

    def decode(index: int) -> None:
        with _large if math.prod(files[index].size) > LARGE_PIXELS else nullcontext():
            instances[index] = to_values(read_pixels(files[index], image), spec)

    _for_each(pointers, decode)
    return instances


def _for_each(pointers: Sequence[str], act: Callable[[int], Result]) -> list[Result]:
    """Call `act` for each picture. Raises InvalidInstances for those that raise PictureError."""
    results: list[Result] = []
    faults: list[Fault] = []
    for index, pointer in enumerate(pointers):
        try:
            results.append(act(index))
        except PictureError as error:
            faults.append(Fault(pointer, str(error)))
            if len(faults) == MAX_FAULTS:
                break
    if faults:
        raise InvalidInstances(faults)
    return results


def _require_thread(pixels: int) -> None:
    """Raise NeedsThread on the event loop, for more pixels than take about a millisecond."""
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        if pixels > LOOP_PIXELS:
            raise NeedsThread


def _require_few_pixels(files: list[PictureFile], image: ImageInput, at: Sequence[str]) -> int:
    """The pixels of all pictures. Raises BodyTooLarge."""
    total = 0
    for file, pointer in zip(files, at, strict=True):
        sizes = file.size, resized(file.size, image)
        pixels = max(map(math.prod, sizes))
        total += pixels
        if pixels > MAX_PIXELS or max(map(max, sizes)) > MAX_SIDE:
            width, height = file.size
            reason = f"{width} x {height} pixels, {pixels} as they are or resized"
            where = pointer or "the picture"
            most = f"up to {MAX_PIXELS} pixels are decoded, and {MAX_SIDE} on a side"
            raise BodyTooLarge(f"{where}: {reason}; {most}")
    if total > MAX_REQUEST_PIXELS:
        raise BodyTooLarge(
            f"{len(files)} pictures of {total} pixels; up to {MAX_REQUEST_PIXELS} pixels in one "
            "request are decoded"
        )
    return total


def _common_shape(files: list[PictureFile], spec: Input, pointers: Sequence[str]) -> Shape:
    """The shape of each instance, which `spec` and all pictures must have."""
    image = image_of(spec)
    hint = "" if image.resize or image.crop else "; with resize in its `image`, any size is"
    shapes = [instance_shape(cropped(resized(file.size, image), image), image) for file in files]

    def require_common(index: int) -> None:
        found = list(shapes[index])
        if not spec.fits([1, *found]):
            accepted = f"{spec.row_shape} is accepted{hint}"
        elif shapes[index] != shapes[0]:
            accepted = f"that of the first picture is {list(shapes[0])}"
        else:
            return
        width, height = files[index].size
        raise PictureError(f"{width} x {height} pixels become a tensor of {found}; {accepted}")

    _for_each(pointers, require_common)
    return shapes[0]


def _empty(count: int, shape: Shape, dtype: np.dtype[np.generic]) -> Array:
    size = count * math.prod(shape) * dtype.itemsize
    if size > MAX_REQUEST_BYTES:
        raise BodyTooLarge(
            f"{count} pictures of {list(shape)} become {size} bytes; up to {MAX_REQUEST_BYTES} in "
            "one request are decoded"
        )
    return np.empty((count, *shape), dtype)
