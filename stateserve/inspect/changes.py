"""Changes of modules, from those of their tensors, and the parts that did not change."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stateserve.inspect.tensor_difference import Difference


@dataclass(frozen=True)
class ModuleChange:
    """`changed_tensors` of `tensors`, and `share` of all elements; the others as in Difference."""

    name: str
    tensors: int
    changed_tensors: int
    share: float
    max_absolute: float | None
    relative_norm: float | None


@dataclass(frozen=True)
class Unchanged:
    """A module all of whose tensors are unchanged, or one tensor: by name."""

    name: str
    tensors: int


def module_changes(differences: Iterable[Difference]) -> list[ModuleChange]:
    """The change of each module that has tensors of its own, the largest relative norm first."""
    modules: defaultdict[str, list[Difference]] = defaultdict(list)
    for each in differences:
        modules[each.name.rpartition(".")[0]].append(each)
    changes = [_change(name, inner) for name, inner in modules.items()]
    return sorted(changes, key=lambda change: -_order(change.relative_norm, change.share))


def by_change(differences: Iterable[Difference]) -> list[Difference]:
    """Tensors that changed, the largest relative norm first; without a norm, at the top."""
    changed = [each for each in differences if each.changed]
    return sorted(changed, key=lambda each: -_order(each.relative_norm, each.share))


def unchanged(differences: Sequence[Difference]) -> list[Unchanged]:
    """The unchanged tensors, as the outermost modules that have no others."""
    moved = {
        ".".join(parts[:depth])
        for parts in (each.name.split(".") for each in differences if each.changed)
        for depth in range(len(parts))
    }
    parts: defaultdict[str, list[str]] = defaultdict(list)
    for each in differences:
        if not each.changed:
            parts[_outermost(each.name, moved)].append(each.name)
    return [
        Unchanged(name if len(inner) > 1 else inner[0], len(inner)) for name, inner in parts.items()
    ]


def _outermost(name: str, moved: set[str]) -> str:
    parts = name.split(".")
    starts = (".".join(parts[:depth]) for depth in range(1, len(parts)))
    return next((start for start in starts if start not in moved), name)


def _change(name: str, inner: list[Difference]) -> ModuleChange:
    elements = sum(each.elements for each in inner)
    norm = _root([each.norm for each in inner])
    distance = _root([each.distance for each in inner])
    return ModuleChange(
        name=name,
        tensors=len(inner),
        changed_tensors=sum(each.changed > 0 for each in inner),
        share=sum(each.changed for each in inner) / max(1, elements),
        max_absolute=max((each.max_absolute or 0.0 for each in inner), default=None),
        relative_norm=distance / norm if norm and distance is not None else None,
    )


def _root(numbers: list[float | None]) -> float | None:
    """The norm of all from the norms of each, unless one is unknown."""
    known = [number for number in numbers if number is not None]
    return math.hypot(*known) if known and len(known) == len(numbers) else None


def _order(relative_norm: float | None, share: float) -> float:
    return relative_norm if relative_norm is not None else math.inf if share else 0.0
