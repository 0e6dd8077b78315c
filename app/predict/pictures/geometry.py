"""The sizes that a picture passes through on its way into a tensor.

Source: torchvision.transforms Resize and CenterCrop on PIL images.
"""

from stateserve.model import ImageInput

# Of one picture, in its file and resized: a photo of 50 megapixels takes 200 MB decoded.
MAX_PIXELS = 50_000_000
# The longest side of a JPEG file: the decoder of PNG needs memory for each line of pixels, too.
MAX_SIDE = 65_535
# (width, height)
Size = tuple[int, int]


def resized(size: Size, image: ImageInput) -> Size:
    """The size after `resize`; the longer side is rounded down, as torchvision does it."""
    if image.resize is None:
        return size
    if not isinstance(image.resize, int):
        height, width = image.resize
        return width, height
    short, long = sorted(size)
    new_long = int(image.resize * long / short)
    return (image.resize, new_long) if size[0] <= size[1] else (new_long, image.resize)


def cropped(size: Size, image: ImageInput) -> Size:
    """The size after `crop`."""
    if image.crop is None:
        return size
    height, width = image.crop
    return width, height


def crop_box(size: Size, crop: Size) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the centre; outside the picture where it is too small.

    An odd difference is rounded to an even offset where pixels are cut off, and puts the
    additional zeros to the right and at the bottom.
    """
    left, top = (_offset(have, want) for have, want in zip(size, crop, strict=True))
    return left, top, left + crop[0], top + crop[1]


def _offset(have: int, want: int) -> int:
    return round((have - want) / 2) if want <= have else -((want - have) // 2)


def instance_shape(size: Size, image: ImageInput) -> tuple[int, ...]:
    """The shape of an instance, for a picture of `size` after `crop`."""
    width, height = size
    lengths = {"C": len(image.mode), "H": height, "W": width}
    return tuple(lengths[axis] for axis in image.layout)
