"""The content of a checkpoint as a tree, and the states in it: maps of names to tensors.

A tree has dicts, lists, tuples, Opaque objects, LazyTensors, numbers, texts and bytes. A pickle
may refer to one object many times, or to itself: each is visited once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from stateserve.checkpoint.description import key_text
from stateserve.checkpoint.pickles.arrays import PickledArray
from stateserve.checkpoint.pickles.objects import Opaque
from stateserve.checkpoint.tensors import LazyTensor
from stateserve.errors import UnreadableCheckpoint

MAX_DEPTH = 64
MAX_MODULES = 100_000
Kind = Literal["state", "module", "optimizer"]
# The attributes of torch.nn.Module that hold its parts.
MODULE_PARTS = ("_parameters", "_buffers", "_modules")


@dataclass(frozen=True)
class Node:
    """One value of the tree, at `path`. A container's children follow it.

    `seen` says that the same container is also at an earlier path, where its children are.
    """

    path: tuple[str, ...]
    value: object
    seen: bool = False


@dataclass(frozen=True)
class FoundState:
    """Tensors by name, at `key` ("" is the whole content).

    A "module" is a whole pickled module, an "optimizer" an optimizer's state; the names of both
    are those that torch gives. `others` are the entries that are no tensors.
    """

    key: str
    kind: Kind
    tensors: dict[str, LazyTensor]
    others: dict[str, object] = field(default_factory=dict)
    class_name: str | None = None


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
    return inner + [(f"argument {index}", child) for index, child in enumerate(value.arguments)]


def find_states(root: object) -> dict[str, FoundState]:
    """The states of a tree by key: the names of the path, with slashes between them."""
    found: dict[tuple[str, ...], FoundState] = {}
    covered: set[tuple[str, ...]] = set()
    for node in walk(root):
        if node.seen or any(node.path[:depth] in covered for depth in range(len(node.path))):
            continue
        state = _state_at(node)
        if state is not None:
            found[node.path] = state
            if state.kind != "state":
                covered.add(node.path)
    # Tensors beside a state, such as that of the random generator, are no state.
    outer = {path[:depth] for path in found for depth in range(len(path))}
    return {state.key: state for path, state in found.items() if path not in outer}


def _state_at(node: Node) -> FoundState | None:
    key, value = "/".join(node.path), node.value
    if isinstance(value, Opaque):
        return _module_state(key, value)
    if not isinstance(value, dict):
        return None
    if value.keys() >= {"state", "param_groups"}:
        tensors, others = flatten(value["state"])
        return FoundState(
            key, "optimizer", tensors, {**others, "param_groups": value["param_groups"]}
        )
    tensors = {name: each for name, each in value.items() if _is_tensor(each)}
    if not tensors or not all(isinstance(name, str) for name in tensors):
        return None
    others = {key_text(name): each for name, each in value.items() if name not in tensors}
    return FoundState(key, "state", tensors, others)


def _is_tensor(value: object) -> bool:
    # A NumPy scalar, such as the best accuracy, is a number.
    return isinstance(value, LazyTensor) and not (
        isinstance(value, PickledArray) and not value.shape
    )


def flatten(root: object) -> tuple[dict[str, LazyTensor], dict[str, object]]:
    """The tensors below `root` and the other leaves, by their names with dots between them."""
    tensors: dict[str, LazyTensor] = {}
    others: dict[str, object] = {}
    for node in walk(root):
        name = ".".join(node.path)
        if isinstance(node.value, LazyTensor):
            tensors[name] = node.value
        elif children(node.value) is None:
            others[name] = node.value
    return tensors, others


def _module_state(key: str, value: Opaque) -> FoundState | None:
    tensors = dict(_ModuleWalk().tensors(value, ()))
    return FoundState(key, "module", tensors, class_name=value.name) if tensors else None


class _ModuleWalk:
    """The entries of a module's state_dict, in its order, as torch.nn.Module writes them.

    A module that two names share has its entries twice, as in torch, so visits are limited.
    """

    def __init__(self) -> None:
        self._visits = 0

    def tensors(self, module: object, path: tuple[str, ...]) -> Iterator[tuple[str, LazyTensor]]:
        if not isinstance(module, Opaque) or not isinstance(module.state, dict):
            return
        self._visits += 1
        if self._visits > MAX_MODULES or len(path) > MAX_DEPTH:
            raise UnreadableCheckpoint(f"a module with more than {MAX_MODULES} parts")
        own, modules = _module_parts(module.state, scripted=module.name.startswith("__torch__."))
        for name, child in own.items():
            if isinstance(child, LazyTensor):
                yield ".".join((*path, key_text(name))), child
        for name, child in modules.items():
            yield from self.tensors(child, (*path, key_text(name)))


def _module_parts(
    state: dict[object, object], *, scripted: bool
) -> tuple[dict[object, object], dict[object, object]]:
    """Parameters with persistent buffers, and submodules."""
    if scripted:
        return state, state
    parameters, buffers, modules = (_mapping(state.get(part)) for part in MODULE_PARTS)
    fleeting = state.get("_non_persistent_buffers_set")
    omitted = fleeting.items if isinstance(fleeting, Opaque) else None
    if isinstance(omitted, list):
        buffers = {name: each for name, each in buffers.items() if name not in omitted}
    return {**parameters, **buffers}, modules


def _mapping(value: object) -> dict[object, object]:
    return value if isinstance(value, dict) else {}
