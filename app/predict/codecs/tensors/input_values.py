"""Checks the shape and the values of an input tensor, whatever format they had."""

from collections.abc import Iterator, Sequence

import numpy as np

from app.errors import InvalidInstances
from app.predict.codecs.tensors.column_rule import wrong_columns
from app.predict.codecs.tensors.value_rule import ValueRule, dtype_of
from stateserve.checkpoint import Array
from stateserve.errors import Fault
from stateserve.model import ANY, Input
from stateserve.text import MOST_SHOWN

PART_ELEMENTS = 2**18


def as_input(given: Input, array: Array, at: str) -> Array:
    """An array with a batch axis as this input: of its dtype, and C-contiguous.

    Integers become integers that hold them, or floats, and 0 and 1 also booleans, as masks are
    often saved; floats become floats. `at` is the JSON
    pointer of the array in the request. Raises InvalidInstances.
    """
    wanted = dtype_of(given.dtype)
    require_shape(given, array.shape, at)
    if not _converts(array, wanted):
        raise _fault(at, f"{array.dtype} values; {describe_shape(given)} is taken")
    rule = ValueRule.of(given)
    if not given.plain:
        for error in wrong_columns(given, array, at):
            raise error
    elif not rule.accepts_all(array):
        raise next(_wrong_values(rule, array, at))
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, wanted)


def require_shape(given: Input, shape: tuple[int, ...], at: str) -> None:
    """Raise InvalidInstances unless an array of this shape, batch axis included, is this input."""
    if shape[:1] == (0,):
        raise _fault(at, f"no rows; at least one of {describe_shape(given)} is needed")
    if not given.fits(shape) or has_nothing(given, shape):
        wanted = describe_shape(given)
        found = str(list(shape))[:MOST_SHOWN]
        raise _fault(at, f"an array of shape {found}; rows of {wanted} belong")


def has_nothing(given: Input, shape: Sequence[int]) -> bool:
    """Whether an axis that may have any length, such as the batch axis, has the length 0."""
    return any(want == ANY and not have for want, have in zip(given.shape, shape, strict=True))


def _converts(array: Array, wanted: np.dtype[np.generic]) -> bool:
    have, want = array.dtype.kind, wanted.kind
    # bfloat16 has the kind V.
    takers = {"i": "biufV", "u": "biufV", "f": "fV", "V": "fV"}
    return have == want or want in takers.get(have, "")


def _wrong_values(rule: ValueRule, array: Array, at: str) -> Iterator[InvalidInstances]:
    # In parts, because the comparison takes more memory than the array.
    flat = array.reshape(-1)
    for start in range(0, flat.size, PART_ELEMENTS):
        wrong = np.flatnonzero(~rule.accepted(flat[start : start + PART_ELEMENTS]))
        if wrong.size:
            place = np.unravel_index(start + int(wrong[0]), array.shape)
            position = "".join(f"/{index}" for index in place)
            yield _fault(at + position, f"{array[place]} where {rule.words} belongs")


def _fault(at: str, detail: str) -> InvalidInstances:
    return InvalidInstances([Fault(at, detail)])


def describe_shape(given: Input) -> str:
    """The shape of one instance, in words for an error."""
    lengths = ["any" if length < 0 else str(length) for length in given.row_shape]
    return f"{given.dtype} of shape [{', '.join(lengths)}]"[:MOST_SHOWN]
