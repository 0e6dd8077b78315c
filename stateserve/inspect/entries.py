"""Entries of a state_dict, their totals, slices and values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import EllipsisType

import numpy as np
from torch import Tensor, nn

from stateserve.checkpoint import Array, tensor_sha256
from stateserve.errors import InvalidSlice
from stateserve.inspect.statistics import Statistics, statistics

# JSON takes ten times the size of the numbers; for larger tensors there are binary formats.
MAX_JSON_VALUES = 100_000


@dataclass(frozen=True)
class Entry:
    """One entry of a state_dict. `trainable`: an optimizer would change it."""

    name: str
    kind: str
    trainable: bool
    shape: list[int]
    dtype: str
    elements: int
    bytes: int
    sha256: str
    statistics: Statistics


@dataclass(frozen=True)
class Totals:
    entries: int
    parameters: int
    buffers: int
    elements: int
    bytes: int


def describe_module(module: nn.Module) -> list[Entry]:
    """The entries of the module's state_dict, in its order, with their kinds."""
    trainable = {name: p.requires_grad for name, p in module.named_parameters()}
    return [
        _describe(name, tensor, "parameter" if name in trainable else "buffer", trainable)
        for name, tensor in module.state_dict().items()
    ]


def describe_state(state: Mapping[str, Tensor]) -> list[Entry]:
    """The entries of a state without its module: their kinds are unknown."""
    return [_describe(name, tensor, "unknown", {}) for name, tensor in state.items()]


def _describe(name: str, tensor: Tensor, kind: str, trainable: Mapping[str, bool]) -> Entry:
    return Entry(
        name=name,
        kind=kind,
        trainable=trainable.get(name, False),
        shape=list(tensor.shape),
        dtype=str(tensor.dtype).removeprefix("torch."),
        elements=tensor.numel(),
        bytes=tensor.numel() * tensor.element_size(),
        sha256=tensor_sha256(tensor),
        statistics=statistics(tensor),
    )


def totals(entries: list[Entry]) -> Totals:
    """Elements by kind: parameters, which an optimizer trains, and buffers."""
    by_kind = {"parameter": 0, "buffer": 0, "unknown": 0}
    for entry in entries:
        by_kind[entry.kind] += entry.elements
    return Totals(
        entries=len(entries),
        parameters=by_kind["parameter"],
        buffers=by_kind["buffer"],
        elements=sum(by_kind.values()),
        bytes=sum(entry.bytes for entry in entries),
    )


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


def json_values(array: Array) -> object:
    """Nested lists in the array's shape, with None for NaN and infinity."""
    missing = ~np.isfinite(array)
    if not missing.any():
        return array.tolist()
    values = array.astype(object)
    values[missing] = None
    return values.tolist()
