"""Checks the values of an input tensor, whatever format they had."""

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidInstances
from stateserve.checkpoint import Array
from stateserve.errors import Fault
from stateserve.model import Input
from stateserve.text import MOST_SHOWN


def dtype_of(name: str) -> np.dtype[Any]:
    """The NumPy dtype of a signature's dtype."""
    return np.dtype(getattr(ml_dtypes, name) if name == "bfloat16" else name)


def require_valid(given: Input, array: Array, at: str) -> Array:
    """The same array; its values are those that the input accepts.

    `at` is the JSON pointer of the array, and the position of the wrong value follows it.
    Raises InvalidInstances.
    """
    wrong: NDArray[np.bool_] | None = None
    detail = ""
    if given.finite and array.dtype.kind not in "biu":
        wrong, detail = ~np.isfinite(array), "where a finite number belongs"
    elif given.tokens and given.tokens.vocabulary is not None:
        top = given.tokens.vocabulary - 1
        ids = array.astype(np.int64)
        wrong, detail = (ids < 0) | (ids > top), f"where a token id from 0 to {top} belongs"
    if wrong is not None and wrong.any():
        place = tuple(np.argwhere(wrong)[0].tolist())
        position = "".join(f"/{index}" for index in place)
        raise _fault(at + position, f"{array[place]} {detail}")
    return array


def as_input(given: Input, array: Array, at: str) -> Array:
    """An array with a batch axis as this input, converted to its dtype if no value changes kind.

    Floats are converted to floats, integers that fit to integers and floats. Raises
    InvalidInstances.
    """
    wanted = dtype_of(given.dtype)
    if not given.fits(array.shape) or not len(array):
        raise wrong_shape(given, array.shape, at)
    if array.dtype != wanted:
        if not _converts(array, wanted):
            raise _fault(at, f"{array.dtype} values; {describe_shape(given)} is taken")
        with np.errstate(over="ignore"):
            array = array.astype(wanted)
    return require_valid(given, array, at)


def _converts(array: Array, wanted: np.dtype[Any]) -> bool:
    have, want = array.dtype.kind, wanted.kind
    if have in "iu" and want in "iu":
        limits = np.iinfo(wanted)
        return int(array.min()) >= limits.min and int(array.max()) <= limits.max
    # bfloat16 has the kind V.
    return have in "iufV" and want in "fV"


def wrong_shape(given: Input, shape: Sequence[int], at: str) -> InvalidInstances:
    wanted = describe_shape(given)
    return _fault(at, f"an array of shape {str(list(shape))[:MOST_SHOWN]}; rows of {wanted} belong")


def _fault(at: str, detail: str) -> InvalidInstances:
    return InvalidInstances([Fault(at, detail)])


def describe_shape(given: Input) -> str:
    """The shape of one instance, in words for an error."""
    lengths = ["any" if length < 0 else str(length) for length in given.row_shape]
    return f"{given.dtype} of shape [{', '.join(lengths)}]"[:MOST_SHOWN]
