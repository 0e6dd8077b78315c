"""Tensors of equal values that are not tied."""

from collections import defaultdict
from collections.abc import Hashable, Mapping

from stateserve.checkpoint import Values, dtype_name, first_names
from stateserve.checkpoint import ties as ties


def equal_tensors(state: Mapping[str, Values], hashes: Mapping[str, str]) -> list[list[str]]:
    """Names of tensors of one shape, dtype and hash that are not tied: copies.

    `hashes` are those of tensor_sha256; tensors without one are left out.
    """
    firsts = first_names(state)
    equal: defaultdict[Hashable, list[str]] = defaultdict(list)
    for name, values in state.items():
        if firsts[name] == name and name in hashes and 0 not in values.shape:
            equal[dtype_name(values), tuple(values.shape), hashes[name]].append(name)
    return [names for names in equal.values() if len(names) > 1]
