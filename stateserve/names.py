"""Names of tensors: selected by pattern, stripped of a prefix, renamed.

In a pattern, `*` stands for any text, dots included, `?` for one character, and `[abc]` for one
of these. A pattern also selects every tensor below the module that it names: `encoder.*.attention`
selects `encoder.layers.0.attention.weight`.
"""

import re
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import translate
from functools import partial
from typing import TypeVar

from stateserve.errors import InvalidNames
from stateserve.text import nearest

T = TypeVar("T")


def select(names: Iterable[str], patterns: Sequence[str]) -> list[str]:
    """The names that one of the patterns selects, in their order; all if there is no pattern.

    Raises InvalidNames if a pattern selects none.
    """
    names = list(names)
    if not patterns:
        return names
    chosen: set[str] = set()
    for pattern in patterns:
        matches = re.compile(f"{translate(pattern)}|{translate(pattern + '.*')}").match
        found = [name for name in names if matches(name)]
        if not found:
            raise InvalidNames(f"no tensor matches {pattern!r:.200}{_nearest(pattern, names)}")
        chosen.update(found)
    return [name for name in names if name in chosen]


def strip_prefix(tensors: Mapping[str, T], prefix: str) -> dict[str, T]:
    """Remove the modules `prefix` ("module" or "module.") from the names that begin with them.

    Other names stay. Raises InvalidNames if no name begins with it, or two names become equal.
    """
    start = module_prefix([prefix])
    if not any(name.startswith(start) for name in tensors):
        raise _Absent(f"no tensor's name begins with {start!r:.200}{_first(tensors)}")
    return _renamed(tensors, lambda name: name.removeprefix(start))


def module_prefix(modules: Iterable[str]) -> str:
    """The start of names below these modules, each in the one before, with dots or without:
    "module._orig_mod." of "module." and "_orig_mod"."""
    return "".join(f"{each.removesuffix('.')}." for each in modules if each)


def rename(tensors: Mapping[str, T], old: str, new: str) -> dict[str, T]:
    """Replace `old` by `new` wherever whole parts of a name, between dots, are `old`.

    `*` in `old` stands for any text, which replaces the `*` in `new`. An empty `new` removes the
    parts. Raises InvalidNames if no name has them, or two names become equal.
    """
    stars = old.count("*")
    if not old or new.count("*") not in (0, stars):
        raise InvalidNames(f"{old!r:.100} to {new!r:.100}: both need the same number of *")
    pattern = re.compile(
        rf"(?<![^.]){re.escape(old).replace(re.escape('*'), '(.+?)')}(?![^.])", re.DOTALL
    )
    if not any(map(pattern.search, tensors)):
        raise _Absent(f"no tensor's name has {old!r:.200}{_nearest(old, tensors)}")
    pieces = new.split("*")

    def replace(found: re.Match[str]) -> str:
        texts = [*found.groups(), ""] if len(pieces) > 1 else [""]
        return "".join(piece + text for piece, text in zip(pieces, texts, strict=True))

    def change(name: str) -> str:
        changed = pattern.sub(replace, name)
        return changed if new or changed == name else _without_gaps(changed)

    return _renamed(tensors, change)


@dataclass(frozen=True)
class NameChanges:
    """Prefixes to strip, then renamings "OLD=NEW" in order, then patterns that select."""

    prefixes: Sequence[str] = ()
    renames: Sequence[str] = ()
    only: Sequence[str] = ()

    def apply(self, tensors: Mapping[str, T]) -> dict[str, T]:
        """Raises InvalidNames, also for a change that fits no name."""
        changed = dict(tensors)
        for prefix in self.prefixes:
            changed = strip_prefix(changed, prefix)
        for old, new in self._pairs():
            changed = rename(changed, old, new)
        return _chosen(changed, set(select(changed, self.only)))

    def apply_both(
        self, first: Mapping[str, T], second: Mapping[str, T]
    ) -> tuple[dict[str, T], dict[str, T]]:
        """Each change must fit a name of one of the two. Raises InvalidNames."""
        pair = (dict(first), dict(second))
        for prefix in self.prefixes:
            pair = _either(pair, partial(strip_prefix, prefix=prefix))
        for old, new in self._pairs():
            pair = _either(pair, partial(rename, old=old, new=new))
        if self.only:
            chosen = set(select({**pair[0], **pair[1]}, self.only))
            first, second = (
                {n: each for n, each in state.items() if n in chosen} for state in pair
            )
            return first, second
        return pair

    def _pairs(self) -> Iterator[tuple[str, str]]:
        for each in self.renames:
            old, equals, new = each.partition("=")
            if not equals:
                raise InvalidNames(f"{each!r:.200} is not OLD=NEW")
            yield old, new


class _Absent(InvalidNames):
    """No name has what is to be changed."""


def _chosen(tensors: Mapping[str, T], names: Container[str]) -> dict[str, T]:
    return {name: tensor for name, tensor in tensors.items() if name in names}


def _either(
    pair: tuple[dict[str, T], dict[str, T]], change: Callable[[Mapping[str, T]], dict[str, T]]
) -> tuple[dict[str, T], dict[str, T]]:
    """Change both, or the one that has what is to be changed."""
    first, second = pair
    try:
        first = change(first)
    except _Absent:
        return first, change(second)
    with suppress(_Absent):
        second = change(second)
    return first, second


def _renamed(tensors: Mapping[str, T], change: Callable[[str], str]) -> dict[str, T]:
    renamed: dict[str, T] = {}
    sources: dict[str, str] = {}
    for name, tensor in tensors.items():
        changed = change(name)
        if not changed:
            raise InvalidNames(f"nothing is left of the name {name!r:.200}")
        if changed in sources:
            pair = f"{sources[changed]!r:.200} and {name!r:.200}"
            raise InvalidNames(f"{pair} would both be named {changed!r:.200}")
        renamed[changed], sources[changed] = tensor, name
    return renamed


def _without_gaps(name: str) -> str:
    return re.sub(r"\.{2,}", ".", name).strip(".")


def _first(names: Iterable[str]) -> str:
    first = next(iter(names), None)
    return "; there is no tensor" if first is None else f"; the first is {first!r:.200}"


def _nearest(wanted: str, names: Collection[str]) -> str:
    return f"; the nearest name is {nearest(wanted, names)!r:.200}" if names else _first(names)
