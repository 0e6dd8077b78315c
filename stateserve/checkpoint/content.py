"""The content of a checkpoint as a tree.

A tree has dicts, lists, tuples, Opaque objects, LazyTensors, numbers, texts and bytes. A pickle
may refer to one object many times, or to itself: each is visited once.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from stateserve.checkpoint.description import index_text, is_plain, key_text
from stateserve.checkpoint.pickles.objects import Opaque
from stateserve.checkpoint.tensors import LazyTensor

MAX_DEPTH = 64
MAX_PATHS = 1000
CONTAINERS = (dict, list, tuple, Opaque)


class Node(NamedTuple):
    """One value of the tree, at `path`. A container's children follow it.

    `seen` says that the same container is also at an earlier path, where its children are.
    """

    path: tuple[str, ...]
    value: object
    seen: bool = False


def walk(root: object, text: Callable[[object], str] = key_text) -> Iterator[Node]:
    """All values, depth first, in the order of the file; to a depth of MAX_DEPTH.

    Of a container that is at more than MAX_PATHS paths, the later ones are left out. `text` makes
    the parts of the paths of the keys.
    """
    times: dict[int, int] = {}
    parts: set[int] = set()
    levels: list[tuple[tuple[str, ...] | None, Iterator[tuple[str, object]]]]
    levels = [(None, iter([("", root)]))]
    while levels:
        above, children = levels[-1]
        for name, value in children:
            container = isinstance(value, CONTAINERS)
            before = times.get(id(value), 0) if container else 0
            if before > MAX_PATHS:
                continue
            path = () if above is None else (*above, name)
            yield Node(path, value, before > 0)
            if container:
                times[id(value)] = before + 1
                if not before and len(path) < MAX_DEPTH:
                    levels.append((path, _children(value, parts, text)))
                    break
        else:
            levels.pop()


def is_container(value: object) -> bool:
    return isinstance(value, CONTAINERS)


def two_places(
    root: object, name: str, name_of: Callable[[tuple[str, ...]], str], *, tensors: bool
) -> str:
    """Where the first two tensors, or else containers, of this name are: "[1] and ['1']"."""
    exact = (node.path for node in walk(root, index_text))
    found = [
        "".join(f"[{part}]" for part in path)
        for node, path in zip(walk(root), exact, strict=True)
        if isinstance(node.value, LazyTensor if tensors else CONTAINERS)
        and name_of(node.path) == name
    ]
    return " and ".join(f"{place:.200}" for place in found[:2])


def _children(
    value: object, parts: set[int], text: Callable[[object], str]
) -> Iterator[tuple[str, object]]:
    """The parts of a container by name. Objects may share a state or arguments, which are listed
    for the first of them: `parts` has their ids."""
    if isinstance(value, dict):
        return ((text(key), child) for key, child in value.items())
    if isinstance(value, list | tuple):
        return ((str(index), child) for index, child in enumerate(value))
    # At once: a child may share the object's arguments.
    return iter(list(_parts_of(value, parts, text)) if isinstance(value, Opaque) else ())


def _parts_of(
    value: Opaque, parts: set[int], text: Callable[[object], str]
) -> Iterator[tuple[str, object]]:
    state, items = value.state, value.items
    if isinstance(state, dict | list | tuple) and state and id(state) not in parts:
        parts.add(id(state))
        yield from _children(state, parts, text)
    elif state is not None:
        yield "state", state
    if items is not None:
        yield from _children(items, parts, text)
    if not is_plain(value.arguments) and id(value.arguments) not in parts:
        parts.add(id(value.arguments))
        yield from ((f"argument {index}", child) for index, child in enumerate(value.arguments))
