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
    while waiting:
        node = waiting.pop()
        inner = children(node.value)
        if inner is None or id(node.value) in seen:
            yield Node(node.path, node.value, seen=inner is not None)
            continue
        seen.add(id(node.value))
        yield node
        if len(node.path) < MAX_DEPTH:
            waiting += [Node((*node.path, name), child) for name, child in reversed(inner)]


def children(value: object) -> list[tuple[str, object]] | None:
    """The parts of a container by name; None for any other value."""
    if isinstance(value, dict):
        return [(key_text(key), child) for key, child in value.items()]
    if isinstance(value, list | tuple):
        return [(str(index), child) for index, child in enumerate(value)]
    if isinstance(value, Opaque):
        return _opaque_children(value)
    return None


def _opaque_children(value: Opaque) -> list[tuple[str, object]]:
    state = children(value.state)
    inner = [] if state is None and value.state is None else state or [("state", value.state)]
    if value.items is not None:
        inner += children(value.items) or []
    if not is_plain(value.arguments):
        inner += [(f"argument {index}", child) for index, child in enumerate(value.arguments)]
    return inner
