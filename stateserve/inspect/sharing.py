"""Tensors that share memory, and tensors of equal values."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping

import numpy as np

from stateserve.checkpoint import LazyTensor, Values, dtype_name, tensor_sha256


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


def equal_tensors(state: Mapping[str, Values], unless: Iterable[str] = ()) -> list[list[str]]:
    """Names of tensors of one shape, dtype and hash that are not tied: copies.

    Reads only tensors of a shape and dtype that another has, and none that is in `unless`.
    """
    tied = {name: names[0] for names in ties(state) for name in names}
    skipped = set(unless)
    alike: defaultdict[tuple[str, tuple[int, ...]], list[str]] = defaultdict(list)
    for name, values in state.items():
        if tied.get(name, name) == name and name not in skipped and 0 not in values.shape:
            alike[dtype_name(values), tuple(values.shape)].append(name)
    equal: defaultdict[str, list[str]] = defaultdict(list)
    for (dtype, shape), names in alike.items():
        for name in names if len(names) > 1 else ():
            equal[f"{dtype} {shape} {tensor_sha256(state[name])}"].append(name)
    return [names for names in equal.values() if len(names) > 1]
