"""Names of two states brought together: the parts of modules that wrap one of the networks."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Generic, TypeVar

T = TypeVar("T")
# Of torch.compile, FullyShardedDataParallel and its checkpoint_wrapper, which may wrap any module
# of a network. `module.` of DistributedDataParallel is only at the start.
WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
DEEPEST_PREFIX = 4
MOST_PREFIXES = 8


@dataclass(frozen=True)
class Aligned(Generic[T]):
    """Two states, A and B, by the names that they share; `notes` say what was left out of names."""

    first: dict[str, T]
    second: dict[str, T]
    notes: list[str]

    @property
    def shared(self) -> int:
        return len(self.first.keys() & self.second.keys())


def align(first: Mapping[str, T], second: Mapping[str, T]) -> Aligned[T]:
    """Leave out what wraps one of the two networks, if more names are then shared.

    That is a prefix of any name, such as `module.` of DistributedDataParallel or `model.` of many
    training programs, and the WRAPPERS anywhere in names.
    """
    note = f"left out of the names: {', '.join(WRAPPERS)}"
    as_given = _without_prefixes(Aligned(dict(first), dict(second), []))
    unwrapped = _without_prefixes(
        Aligned(_without_wrappers(first), _without_wrappers(second), [note])
    )
    return unwrapped if unwrapped.shared > as_given.shared else as_given


def match_names(first: Iterable[str], second: Iterable[str]) -> tuple[str, str]:
    """The prefixes of the two that, stripped, give the most names in common: "" for none."""
    ones, others = _strippings(list(first)), _strippings(list(second))
    # Of equally good pairs the one that strips least.
    return max(
        product(ones, others),
        key=lambda pair: (len(ones[pair[0]] & others[pair[1]]), -len(pair[0] + pair[1])),
    )


def _strippings(names: list[str]) -> dict[str, set[str]]:
    """The names without each of the prefixes that most of them have."""
    counts: Counter[str] = Counter()
    for name in names:
        parts = name.split(".", DEEPEST_PREFIX)[:-1]
        counts.update(".".join(parts[: depth + 1]) + "." for depth in range(len(parts)))
    stripped = {"": set(names)}
    for prefix, _ in counts.most_common(MOST_PREFIXES):
        shorter = {name.removeprefix(prefix) for name in names}
        if len(shorter) == len(stripped[""]):
            stripped[prefix] = shorter
    return stripped


def _without_prefixes(states: Aligned[T]) -> Aligned[T]:
    first, second = match_names(states.first, states.second)
    notes = [
        f"left out of the names of {letter}: {prefix}"
        for letter, prefix in (("A", first), ("B", second))
        if prefix
    ]
    return Aligned(
        {name.removeprefix(first): tensor for name, tensor in states.first.items()},
        {name.removeprefix(second): tensor for name, tensor in states.second.items()},
        states.notes + notes,
    )


def _without_wrappers(tensors: Mapping[str, T]) -> dict[str, T]:
    """Unchanged if two names would become equal."""
    changed = {
        ".".join(part for part in name.split(".") if part not in WRAPPERS): tensor
        for name, tensor in tensors.items()
    }
    return changed if len(changed) == len(tensors) else dict(tensors)
