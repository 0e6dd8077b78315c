"""Slices of a tensor, in NumPy's syntax."""

import re
from types import EllipsisType

import numpy as np

from stateserve.checkpoint import Array
from stateserve.errors import InvalidSlice


def take_slice(array: Array, text: str) -> Array:
    """Index with NumPy's syntax: "0:2,1", "::-1", "...,0". Raises InvalidSlice."""
    try:
        index = tuple(_index_part(part.strip()) for part in text.split(","))
        return np.asarray(array[index])
    except (IndexError, ValueError) as error:
        shape = list(array.shape)
        raise InvalidSlice(f"slice {text!r} of a tensor of shape {shape}: {error}") from None


def _index_part(part: str) -> int | slice | EllipsisType:
    if part == "...":
        return ...
    if re.fullmatch(r"-?\d{1,18}", part, re.ASCII):
        return int(part)
    if re.fullmatch(r"(-?\d{1,18})?(:(-?\d{1,18})?){1,2}", part, re.ASCII):
        return slice(*(int(bound) if bound else None for bound in part.split(":")))
    raise ValueError(f"{part!r} is not an index; use integers, start:stop:step or ...")
