"""Pixels to the values of a tensor, and back.

Source: torchvision.transforms ToTensor and Normalize.
"""

import numpy as np
from numpy.typing import NDArray

from stateserve.checkpoint import Array
from stateserve.model import ImageInput, Input

Pixels = NDArray[np.uint8]


def image_of(spec: Input) -> ImageInput:
    if spec.image is None:
        raise ValueError(f"input {spec.name} is no picture")
    return spec.image


def to_values(pixels: Pixels, spec: Input) -> Array:
    """The instance for `pixels` (height, width, channels), of the shape and dtype of `spec`."""
    image = image_of(spec)
    dtype = np.dtype(spec.dtype)
    # Channel by channel, which NumPy computes much faster than pixel by pixel.
    planes = pixels.transpose(2, 0, 1)
    if dtype == np.uint8:
        return _to_layout(planes, image)
    work = np.float64 if dtype == np.float64 else np.float32
    values = np.multiply(planes, image.scale, dtype=work, order="C")
    for operation, by_channel in ((np.subtract, image.mean), (np.divide, image.std)):
        if by_channel is not None:
            operation(values, np.array(by_channel, work)[:, None, None], out=values)
    return _to_layout(values, image).astype(dtype, copy=False)


def to_pixels(instance: Array, spec: Input) -> Pixels:
    """The inverse of to_values: pixels (height, width, channels), rounded and clipped."""
    image = image_of(spec)
    values = instance.astype(np.float64)
    if image.layout != "HWC":
        values = np.moveaxis(values.reshape(-1, *values.shape[-2:]), 0, -1)
    if spec.dtype != "uint8":
        values = values * (image.std or 1) + (image.mean or 0)
        values = values / image.scale
    return np.nan_to_num(values).round().clip(0, 255).astype(np.uint8)


def _to_layout(planes: Array, image: ImageInput) -> Array:
    """`planes` (channels, height, width) with the axes of the layout."""
    if image.layout == "HWC":
        planes = planes.transpose(1, 2, 0)
    return np.ascontiguousarray(planes[0] if image.layout == "HW" else planes)
