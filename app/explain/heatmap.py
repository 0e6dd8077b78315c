"""Draws the attributions of a picture's pixels as a PNG; needs `pip install .[images]`."""

import io
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.errors import NotProvided
from stateserve.checkpoint import Array

# Blue raises the explained output, red lowers it, as on the page. Colour-blind readers
# can tell them apart.
POSITIVE, NEGATIVE = (30, 90, 200), (200, 30, 45)
WHITE = 255
# ITU-R 601-2, as Pillow has it.
LUMA = (0.299, 0.587, 0.114)
# So that one pixel with a very large attribution does not make all others pale.
PERCENTILE = 99


def draw_heatmap(
    attributions: Array,
    layout: Literal["CHW", "HWC", "HW"],
    pixels: NDArray[np.uint8] | None = None,
) -> bytes:
    """A PNG with a pixel for each pixel of the input; equal inputs give equal bytes.

    `attributions` have the axes of `layout`; channels are added up, and what is not finite
    counts as 0. The colour is full from the PERCENTILE of the magnitudes on, and paler for
    smaller ones: over the grey picture `pixels` (height, width, channels), or over white.
    Raises NotProvided without Pillow.
    """
    try:
        from PIL import Image
    except ImportError:
        raise NotProvided("heatmaps need Pillow: pip install '.[images]'") from None
    strength = _strength(attributions, layout)[..., None]
    colour = np.where(strength < 0, NEGATIVE, POSITIVE)
    opacity = np.abs(strength)
    drawn = (1 - opacity) * _background(pixels) + opacity * colour
    stream = io.BytesIO()
    Image.fromarray(drawn.round().astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def _strength(attributions: Array, layout: str) -> NDArray[np.float64]:
    """From -1 to 1, (height, width)."""
    values = np.asarray(attributions, np.float64)
    values = np.where(np.isfinite(values), values, 0)
    if "C" in layout:
        axis = layout.index("C")
        # Divided first, so that no sum overflows; only ratios count.
        values = (values / (2 * values.shape[axis])).sum(axis=axis)
    magnitudes = np.abs(values)
    # Not interpolated: of a small picture, the largest.
    full = np.percentile(magnitudes, PERCENTILE, method="higher") or magnitudes.max()
    with np.errstate(over="ignore"):
        return np.clip(values / full, -1, 1) if full else values


def _background(pixels: NDArray[np.uint8] | None) -> Array | int:
    if pixels is None:
        return WHITE
    if pixels.shape[-1] < len(LUMA):
        return pixels[..., :1]
    luma: Array = pixels[..., : len(LUMA)] @ np.array(LUMA)
    return luma[..., None]
