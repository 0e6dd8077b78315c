"""Names of tensors: selected by pattern, stripped of a prefix, renamed, matched with another's.

In a pattern, `*` stands for any text, dots included, `?` for one character, and `[abc]` for one
of these. A pattern also selects every tensor below the module that it names: `encoder.*.attention`
selects `encoder.layers.0.attention.weight`.
"""

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import translate
from itertools import product
from typing import TypeVar

from stateserve.errors import InvalidNames

T = TypeVar("T")
# Of torch.compile, FullyShardedDataParallel and its checkpoint_wrapper, which may wrap any module
# of a network. `module.` of DistributedDataParallel is only at the start.
WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
DEEPEST_PREFIX = 4
MOST_PREFIXES = 8


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
    start = f"{prefix.removesuffix('.')}."
    if not any(name.startswith(start) for name in tensors):
        raise InvalidNames(f"no tensor's name begins with {start!r:.200}{_first(tensors)}")
    return _renamed(tensors, lambda name: name.removeprefix(start))


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
        raise InvalidNames(f"no tensor's name has {old!r:.200}{_nearest(old, tensors)}")
    pieces = new.split("*")

    def replace(found: re.Match[str]) -> str:
        texts = [*found.groups(), ""] if len(pieces) > 1 else [""]
        return "".join(piece + text for piece, text in zip(pieces, texts, strict=True))

    def change(name: str) -> str:
        changed = pattern.sub(replace, name)
        return changed if new or changed == name else _without_gaps(changed)

    return _renamed(tensors, change)


def change_names(
    tensors: Mapping[str, T],
    *,
    prefixes: Sequence[str] = (),
    renames: Sequence[str] = (),
    only: Sequence[str] = (),
) -> dict[str, T]:
    """Strip prefixes, then rename by each "OLD=NEW" in order, then select. Raises InvalidNames."""
    changed = dict(tensors)
    for prefix in prefixes:
        changed = strip_prefix(changed, prefix)
    for each in renames:
        old, equals, new = each.partition("=")
        if not equals:
            raise InvalidNames(f"{each!r:.200} is not OLD=NEW")
        changed = rename(changed, old, new)
    return {name: changed[name] for name in select(changed, only)}


def match_names(first: Iterable[str], second: Iterable[str]) -> tuple[str, str]:
    """The prefixes of the two that, stripped, give the most names in common: "" for none.

    Such a prefix is that of a module around the same network: `module.` of DistributedDataParallel,
    `_orig_mod.` of torch.compile, `model.` of many training programs, or any other.
    """
    ones, others = _strippings(list(first)), _strippings(list(second))
    # Of equally good pairs the one that strips least.
    return max(
        product(ones, others),
        key=lambda pair: (len(ones[pair[0]] & others[pair[1]]), -len(pair[0] + pair[1])),
    )


def without_wrappers(tensors: Mapping[str, T]) -> dict[str, T]:
    """Names without the parts that WRAPPERS put into them; unchanged where two become equal."""
    try:
        return _renamed(
            tensors, lambda name: ".".join(part for part in name.split(".") if part not in WRAPPERS)
        )
    except InvalidNames:
        return dict(tensors)


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


def _nearest(wanted: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(wanted[:200], list(names)[:5000], n=1, cutoff=0.5)
    return f"; the nearest name is {near[0]!r:.200}" if near else _first(names)
