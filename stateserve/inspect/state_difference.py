"""The comparison of two state_dicts: changed tensors, added and removed names."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from stateserve.checkpoint import Values, dtype_name, first_names
from stateserve.inspect.tensor_difference import Difference, difference_of


@dataclass(frozen=True)
class Outline:
    """A tensor without its values."""

    name: str
    shape: list[int]
    dtype: str


@dataclass(frozen=True)
class Recast:
    """A name that both states have, with different shapes or dtypes."""

    first: Outline
    second: Outline


@dataclass(frozen=True)
class Comparison:
    """`differences` has every name whose shape is the same in both, in the first state's order.

    `identical`: the names, shapes, dtypes and values are equal; NaN equals NaN.
    """

    identical: bool
    added: list[Outline]
    removed: list[Outline]
    recast: list[Recast]
    differences: list[Difference]


def compare_states(first: Mapping[str, Values], second: Mapping[str, Values]) -> Comparison:
    """Compare two states by name. Contiguous tensors are not copied; two of several names are
    compared once."""
    shared = [(_outline(name, first), _outline(name, second)) for name in first if name in second]
    added = [_outline(name, second) for name in second if name not in first]
    removed = [_outline(name, first) for name in first if name not in second]
    recast = [Recast(a, b) for a, b in shared if a != b]
    alike = [a.name for a, b in shared if a.shape == b.shape]
    differences = list(_differences(alike, first, second))
    moved = added or removed or recast or any(difference.changed for difference in differences)
    return Comparison(not moved, added, removed, recast, differences)


def exceeding(comparison: Comparison, tolerance: float) -> list[str]:
    """Names of tensors that are in one state only, or differ by more than `tolerance`.

    A tensor differs by more if its shapes differ, if |second - first| > tolerance x |first|, or
    if elements changed that are NaN or infinite in either state. dtypes may differ.
    """
    outlines = [*comparison.removed, *comparison.added]
    reshaped = [each.first for each in comparison.recast if each.first.shape != each.second.shape]
    return [outline.name for outline in (*outlines, *reshaped)] + [
        each.name
        for each in comparison.differences
        if each.non_finite_changed
        or (each.changed and (each.relative_norm is None or each.relative_norm > tolerance))
    ]


def _differences(
    names: Iterable[str], first: Mapping[str, Values], second: Mapping[str, Values]
) -> Iterator[Difference]:
    known: dict[tuple[str, str], Difference] = {}
    firsts, seconds = first_names(first), first_names(second)
    for name in names:
        pair = firsts[name], seconds[name]
        if pair not in known:
            known[pair] = difference_of(name, first[name], second[name])
        yield replace(known[pair], name=name)


def _outline(name: str, state: Mapping[str, Values]) -> Outline:
    tensor = state[name]
    return Outline(name, list(tensor.shape), dtype_name(tensor))
