"""Tensors that share memory, as a format without shared memory takes them: copied or left out."""

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from stateserve.checkpoint.conversion.source_state import shortened
from stateserve.checkpoint.shared_memory import overlaps, ties
from stateserve.checkpoint.tensors import LazyTensor
from stateserve.errors import InvalidConversion

T = TypeVar("T", bound=LazyTensor)
DONE = {"keep": "kept in one storage", "copy": "copied", "omit": "only the first written"}
PARTLY = "share memory in part, copied"
# Of the bytes without copies: unless copies are asked for, a small file makes no huge one.
MAX_COPIES = 32


@dataclass(frozen=True)
class Untied(Generic[T]):
    """`omitted` maps each name that is left out to the name that stays."""

    tensors: dict[str, T]
    notes: list[str] = field(default_factory=list)
    omitted: dict[str, str] = field(default_factory=dict)


def untie(tensors: Mapping[str, T], policy: str | None, *, shares: bool) -> Untied[T]:
    """Treat tied tensors as `policy` says; unless given, they are kept if the format `shares`.

    Of an omitted tie the first name in alphabetical order stays, as safetensors' save_model has
    it. Raises InvalidConversion.
    """
    if policy not in (None, *DONE):
        raise InvalidConversion(f"--ties: {policy!r:.50} is not keep, copy or omit")
    groups = [sorted(names) for names in ties(tensors)]
    if policy == "keep" and groups and not shares:
        raise InvalidConversion(
            f"--ties keep: {' and '.join(groups[0][:2])} are tied, and in this format no tensors "
            "share memory; --ties copy writes both, --ties omit the first"
        )
    chosen = policy or ("keep" if shares else "copy")
    notes = [*_note(f"tied, {DONE[chosen]}", groups), *_note(PARTLY, overlaps(tensors))]
    if chosen == "omit":
        omitted = {name: names[0] for names in groups for name in names[1:]}
        left = {name: tensor for name, tensor in tensors.items() if name not in omitted}
        return Untied(left, notes, omitted)
    if chosen == "copy":
        if policy is None:
            _limit_copies(tensors, groups)
        copied = {name for names in groups for name in names[1:]}
        return Untied(
            {name: _alone(each) if name in copied else each for name, each in tensors.items()},
            notes,
        )
    return Untied(dict(tensors), notes)


def _note(what: str, groups: Iterable[Iterable[str]]) -> list[str]:
    texts = [" = ".join(names) for names in groups]
    return [f"{what}: {shortened(texts)}"] if texts else []


def _alone(tensor: T) -> T:
    """The same elements, as of a storage that no other tensor has."""
    alone = copy(tensor)
    alone.storage = copy(tensor.storage)
    return alone


def _limit_copies(tensors: Mapping[str, LazyTensor], groups: list[list[str]]) -> None:
    copies = sum(tensors[name].nbytes for names in groups for name in names[1:])
    size = sum(tensor.nbytes for tensor in tensors.values())
    if copies > MAX_COPIES * (size - copies):
        raise InvalidConversion(
            f"copies of tied tensors would take {copies} of {size} bytes; choose --ties omit, or "
            "--ties copy if that is meant"
        )
