"""Floats for JSON: with the fewest digits that read back as the same float32, float16 or bfloat16.

JSON's encoder writes the shortest text of a float64, which for the float32 0.1 is
0.10000000149011612. The float64 0.1 is written as 0.1, and reads back as the same float32.
"""

from functools import cache
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from stateserve.checkpoint import Array, DType

# Every power of ten that float64 holds exactly: one multiplication or division rounds correctly.
TENS = 10.0 ** np.arange(23)
# Decimal numbers of this range need only these powers.
SMALLEST, LARGEST = 1e-13, 1e23
# Fewer elements are converted faster one by one.
FEW = 64


class _Format(NamedTuple):
    """`whole` is the largest integer up to which no integer has a shorter text.

    All decimals of `digits` digits differ as this dtype, from `smallest` on.
    """

    whole: float
    smallest: float
    digits: int


@cache
def _format(dtype: DType) -> _Format:
    info: Any = ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]
    smallest = max(SMALLEST, float(info.smallest_normal))
    return _Format(2.0 ** (info.nmant + 1), smallest, int(info.precision))


def lists_of(values: Array) -> list[object]:
    """The values as nested lists; floats have their shortest digits."""
    found: list[object] = (values if values.dtype.kind in "biu" else widen(values)).tolist()
    return found


def widen(values: Array) -> NDArray[np.float64]:
    """float64 of the same shape, each with the shortest text that reads back as its value."""
    with np.errstate(invalid="ignore"):
        # A signalling NaN is no error here.
        wide: NDArray[np.float64] = values.astype(np.float64)
    if values.dtype.itemsize == wide.dtype.itemsize:
        return wide
    flat, given = wide.reshape(-1), values.reshape(-1)
    format_ = _format(values.dtype)
    size = np.abs(flat)
    whole = (flat == np.rint(flat)) & (size <= format_.whole)
    left = np.flatnonzero(~whole & np.isfinite(flat))
    if left.size > FEW:
        # Below the smallest normal number fewer digits are enough.
        usual = (size >= format_.smallest) & (size < LARGEST)
        strange = left[~usual[left]]
        left = left[usual[left]]
        for digits in range(format_.digits, format_.digits + 4):
            left = _round(flat, left, digits, values.dtype)
        left = np.concatenate([left, strange])
    for index in left.tolist():
        flat[index] = _shortest(given[index])
    return wide


def _round(
    flat: NDArray[np.float64], left: NDArray[np.int64], digits: int, dtype: DType
) -> NDArray[np.int64]:
    """Round those elements that this number of decimal digits tells apart; return the others."""
    exact = flat[left]
    power = digits - 1 - np.floor(np.log10(np.abs(exact))).astype(np.int64)
    scale = TENS[np.abs(power)]
    up = power >= 0
    decimal = np.rint(np.where(up, exact * scale, exact / scale))
    rounded = np.where(up, decimal / scale, decimal * scale)
    with np.errstate(over="ignore"):
        same = rounded.astype(dtype) == exact
    flat[left[same]] = rounded[same]
    rest: NDArray[np.int64] = left[~same]
    return rest


def _shortest(value: Any) -> float:
    if value.dtype.name != "bfloat16":
        return float(str(value))
    # ml_dtypes writes more digits than are needed.
    exact = float(value)
    texts = (float(f"{exact:.{digits}g}") for digits in range(1, 5))
    return next((text for text in texts if value.dtype.type(text) == value), exact)
