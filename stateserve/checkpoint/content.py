"""The content of a checkpoint as a tree.

A tree has dicts, lists, tuples, Opaque objects, LazyTensors, numbers, texts and bytes. A pickle
may refer to one object many times, or to itself: each is visited once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from stateserve.checkpoint.description import is_plain, key_text
from stateserve.checkpoint.pickles.objects import Opaque

MAX_DEPTH = 64


@dataclass(frozen=True)
class Node:
    """One value of the tree, at `path`. A container's children follow it.

    `seen` says that the same container is also at an earlier path, where its children are.
    """

    path: tuple[str, ...]
    value: object
    seen: bool = False


def walk(root: object) -> Iterator[Node]:
    """All values, depth first, in the order of the file; to a depth of MAX_DEPTH."""
    waiting = [Node((), root)]
    seen: set[int] = set()
    parts: set[int] = set()
    while waiting:
        node = waiting.pop()
        # Before its children are listed: a list may be at thousands of paths.
        if not is_container(node.value) or id(node.value) in seen:
            yield Node(node.path, node.value, seen=is_container(node.value))
            continue
        seen.add(id(node.value))
        yield node
        if len(node.path) < MAX_DEPTH:
            inner = list(_children(node.value, parts))
            waiting += [Node((*node.path, name), child) for name, child in reversed(inner)]


def is_container(value: object) -> bool:
    return isinstance(value, dict | list | tuple | Opaque)


def _children(value: object, parts: set[int]) -> Iterator[tuple[str, object]]:
    """The parts of a container by name. Objects may share a state or arguments, which are listed
    for the first of them: `parts` has their ids."""
    if isinstance(value, dict):
        yield from ((key_text(key), child) for key, child in value.items())
    elif isinstance(value, list | tuple):
        yield from ((str(index), child) for index, child in enumerate(value))
    elif isinstance(value, Opaque):
        state, items = value.state, value.items
        if isinstance(state, dict | list | tuple) and state and id(state) not in parts:
            parts.add(id(state))
            yield from _children(state, parts)
        elif state is not None:
            yield "state", state
        if items is not None:
            yield from _children(items, parts)
        if not is_plain(value.arguments) and id(value.arguments) not in parts:
            parts.add(id(value.arguments))
            yield from ((f"argument {index}", child) for index, child in enumerate(value.arguments))
