"""Tensors of one state that share memory, as an embedding and an output layer do."""

from collections import defaultdict
from collections.abc import Hashable, Mapping

import numpy as np

from stateserve.checkpoint.arrays import Values, dtype_name
from stateserve.checkpoint.tensors import LazyTensor


def ties(state: Mapping[str, Values]) -> list[list[str]]:
    """Names of the same elements of the same storage. Reads no values."""
    places: defaultdict[Hashable, list[str]] = defaultdict(list)
    # An archive of NumPy reads an array each time, which would take the memory of the last one.
    kept = list(state.items())
    for name, values in kept:
        places[identity(name, values)].append(name)
    return [names for names in places.values() if len(names) > 1]


def first_names(state: Mapping[str, Values]) -> dict[str, str]:
    """For each name the first name of the same tensor, mostly itself. Reads no values."""
    return {name: name for name in state} | {
        name: names[0] for names in ties(state) for name in names
    }


def identity(name: str, values: Values) -> Hashable:
    """Equal for two names of the same elements of the same memory; an empty tensor has none."""
    if 0 in values.shape:
        return name
    # A text: the writer of a file could choose shapes and strides of one hash.
    return dtype_name(values), str((tuple(values.shape), _place(values)))


def _place(values: Values) -> Hashable:
    if isinstance(values, LazyTensor):
        return id(values.storage), values.offset, values.strides
    if isinstance(values, np.ndarray):
        return values.__array_interface__["data"][0], values.strides
    return values.data_ptr(), values.stride()


def overlaps(state: Mapping[str, LazyTensor]) -> list[list[str]]:
    """Names of different tensors whose elements lie in the same bytes, such as W and W.T."""
    different = {identity(name, tensor): (name, tensor) for name, tensor in state.items()}
    storages: defaultdict[int, list[tuple[str, LazyTensor]]] = defaultdict(list)
    for name, tensor in different.values():
        if tensor.size:
            storages[id(tensor.storage)].append((name, tensor))
    shared = [parts for parts in storages.values() if len(parts) > 1]
    return [names for parts in shared for names in _overlapping(parts)]


def _overlapping(parts: list[tuple[str, LazyTensor]]) -> list[list[str]]:
    groups: list[list[str]] = []
    reached = -1
    for start, end, name in sorted((*tensor.extent(), name) for name, tensor in parts):
        if start >= reached:
            groups.append([])
        groups[-1].append(name)
        reached = max(reached, end)
    return [names for names in groups if len(names) > 1]
