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
    if dtype == np.uint8:
        return _to_layout(pixels, image)
    work = np.float64 if dtype == np.float64 else np.float32
    # Channel by channel, which NumPy computes much faster than pixel by pixel.
    values = np.multiply(np.moveaxis(pixels, -1, 0), image.scale, dtype=work, order="C")
    for operation, by_channel in ((np.subtract, image.mean), (np.divide, image.std)):
        if by_channel is not None:
            operation(values, np.array(by_channel, work)[:, None, None], out=values)
    return _to_layout(np.moveaxis(values, 0, -1), image).astype(dtype, copy=False)


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


def _to_layout(values: Array, image: ImageInput) -> Array:
    if image.layout == "HW":
        return np.ascontiguousarray(values[..., 0])
    return np.ascontiguousarray(np.moveaxis(values, -1, 0) if image.layout == "CHW" else values)
