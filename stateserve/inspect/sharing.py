"""Tensors that share memory, and tensors of equal values."""

from collections import defaultdict
from collections.abc import Hashable, Mapping

import numpy as np

from stateserve.checkpoint import LazyTensor, Values, dtype_name


def ties(state: Mapping[str, Values]) -> list[list[str]]:
    """Names of the same elements of the same storage, as of tied embeddings. Reads no values."""
    places: defaultdict[Hashable, list[str]] = defaultdict(list)
    for name, values in state.items():
        if 0 not in values.shape:
            place = (dtype_name(values), tuple(values.shape), _place(values))
            places[place].append(name)
    return [names for names in places.values() if len(names) > 1]


def _place(values: Values) -> Hashable:
    if isinstance(values, LazyTensor):
        return id(values.storage), values.offset, values.strides
    if isinstance(values, np.ndarray):
        return values.__array_interface__["data"][0], values.strides
    return values.data_ptr(), values.stride()


def equal_tensors(state: Mapping[str, Values], hashes: Mapping[str, str]) -> list[list[str]]:
    """Names of tensors of one shape, dtype and hash that are not tied: copies.

    `hashes` are those of tensor_sha256; tensors without one are left out.
    """
    tied = {name: names[0] for names in ties(state) for name in names}
    equal: defaultdict[Hashable, list[str]] = defaultdict(list)
    for name, values in state.items():
        if tied.get(name, name) == name and name in hashes and 0 not in values.shape:
            equal[dtype_name(values), tuple(values.shape), hashes[name]].append(name)
    return [names for names in equal.values() if len(names) > 1]
