"""The names of classes, in the forms in which programs and files have them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from numbers import Integral

import numpy as np

from stateserve.errors import CardMismatch
from stateserve.model.fields import MAX_CLASSES

# Of one output. A value of {index: name} may be the list of an id and a name.
Names = (
    Iterable[str | int]
    | Mapping[str, int]
    | Mapping[int, str]
    | Mapping[str, str]
    | Mapping[str, Sequence[str]]
)
ClassNames = Names | Mapping[str, Names]
ACCEPTED = (
    'accepted is a list such as ["cat", "dog"], {name: index}, {index: name}, or such by output'
)


def class_names(given: object) -> dict[str, list[str]]:
    """The names of the classes by output, in their order; "" means the only output with so many.

    Integers become texts. Raises CardMismatch, one line.
    """
    if not isinstance(given, Mapping) or _has_indices(given):
        return {"": _names("classes", given)}
    for name, each in given.items():
        if isinstance(each, str) or not isinstance(each, Iterable):
            raise CardMismatch(f"classes: {name!r:.100} has {_shown(each)}; {ACCEPTED}")
    return {str(name): _names(f"classes of {name!r:.100}", each) for name, each in given.items()}


def _has_indices(given: Mapping[object, object]) -> bool:
    """Whether it is {name: index} or {index: name}, not names by output."""
    numbered = all(_index(key) is not None for key in given)
    return numbered or all(isinstance(each, Integral) for each in given.values())


def _names(what: str, given: object) -> list[str]:
    if isinstance(given, Mapping):
        return _in_order(what, given)
    if isinstance(given, set | frozenset):
        raise CardMismatch(f"{what}: a set has no order; give a list, in the order of the output")
    # A NumPy array or a tensor without axes is an Iterable that has no items.
    scalar = getattr(given, "ndim", None) == 0
    if scalar or isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise CardMismatch(f"{what}: {_shown(given)}; {ACCEPTED}")
    return [_text(what, each) for each in islice(given, MAX_CLASSES + 1)]


def _in_order(what: str, given: Mapping[object, object]) -> list[str]:
    """The names of {name: index} or {index: name}, in the order of the indices."""
    pairs = list(given.items())
    if all(isinstance(index, Integral) for _, index in pairs):
        pairs = [(index, name) for name, index in pairs]
    names = {_index(index): name for index, name in pairs}
    if not names or set(names) != set(range(len(pairs))):
        raise CardMismatch(f"{what}: they need the indices 0, 1, 2 and so on; {ACCEPTED}")
    ordered = [names[index] for index in range(len(names))]
    parts = [each if isinstance(each, list | tuple) and each else [each] for each in ordered]
    texts = [[_text(what, part) for part in each] for each in parts]
    counts = Counter(each[-1] for each in texts)
    # Of an id and a name the name, and both if it occurs twice.
    return [each[-1] if counts[each[-1]] == 1 else " ".join(each) for each in texts]


def _index(given: object) -> int | None:
    if isinstance(given, Integral) and not isinstance(given, bool):
        return int(given)
    if isinstance(given, str) and given.isdecimal() and len(given) < 10:
        return int(given)
    return None


def _text(what: str, given: object) -> str:
    if isinstance(given, str):
        # Of a subclass, such as that of NumPy, too.
        return str.__str__(given)
    if isinstance(given, Integral | np.bool_):
        return str(given)
    raise CardMismatch(f"{what}: {_shown(given)} among the names; a name is a text or an integer")


def _shown(given: object) -> str:
    kind = type(given).__name__
    return f"{given!r:.50} of type {kind}" if isinstance(given, str | float) else f"type {kind}"
