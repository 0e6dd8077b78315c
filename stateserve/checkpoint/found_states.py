"""Find the states in the content of a checkpoint: maps of names to tensors, at any depth."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from stateserve.checkpoint.content import is_container, two_places, walk
from stateserve.checkpoint.description import describe, index_text, key_text
from stateserve.checkpoint.dtypes import DTYPES
from stateserve.checkpoint.module_state import Listed, ModuleWalk, joined
from stateserve.checkpoint.pickles.arrays import PickledScalar
from stateserve.checkpoint.pickles.objects import Key, Opaque
from stateserve.checkpoint.tensors import LazyTensor
from stateserve.errors import UnreadableCheckpoint

# Of one dict that stands at several keys.
MAX_ALIASES = 100
Kind = Literal["state", "module", "optimizer"]


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


def find_states(root: object) -> dict[str, FoundState]:
    """The states of a tree by key: the names of the path, with slashes between them.

    Beside a state, tensors that can be no weights are none: those of the random generator, or of
    numbers. If there is no other, all tensors of dicts and lists are one state. Raises
    UnreadableCheckpoint for far more entries than the file has bytes, and for two states, or two
    tensors of a state, of one name.
    """
    listed = Listed()
    found: dict[tuple[str, ...], FoundState] = {}
    covered: set[tuple[str, ...]] = set()
    known: dict[int, FoundState] = {}
    keys: set[str] = set()
    aliases, any_tensor = 0, False
    for node in walk(root):
        any_tensor = any_tensor or is_tensor(node.value)
        if covered and any(node.path[:depth] in covered for depth in range(len(node.path))):
            continue
        if node.seen:
            state = known.get(id(node.value)) if aliases < MAX_ALIASES else None
            aliases += state is not None
        else:
            state = _state_at(node.value, listed)
        if state is not None:
            key = "/".join(node.path)
            if key in keys:
                places = two_places(root, key, "/".join, tensors=False)
                raise UnreadableCheckpoint(f"two states would have the key {key!r:.100}: {places}")
            keys.add(key)
            found[node.path] = replace(state, key=key)
            if isinstance(node.value, dict):
                known[id(node.value)] = state
            if state.kind != "state":
                covered.add(node.path)
    states = {state.key: state for state in _distinct(found)}
    return _all_tensors(root, listed) if any_tensor and not states else states


def _distinct(found: Mapping[tuple[str, ...], FoundState]) -> Iterator[FoundState]:
    """The innermost states, without those that are none beside others."""
    if any(state.kind != "optimizer" and _has_weights(state) for state in found.values()):
        found = {
            path: state
            for path, state in found.items()
            if state.kind != "state" or _has_weights(state)
        }
    outer = {path[:depth] for path in found for depth in range(len(path))}
    return (state for path, state in found.items() if path not in outer)


def _has_weights(state: FoundState) -> bool:
    """Whether a tensor has axes, and may have fractions."""
    return any(
        tensor.shape and (tensor.dtype not in DTYPES or DTYPES[tensor.dtype].kind not in "iub")
        for tensor in state.tensors.values()
    )


def _all_tensors(root: object, listed: Listed) -> dict[str, FoundState]:
    if isinstance(root, Opaque):
        return {}
    tensors, others = flatten(root, listed)
    return {"": FoundState("", "state", tensors, others)} if tensors else {}


def _state_at(value: object, listed: Listed) -> FoundState | None:
    """A state without its key."""
    if isinstance(value, Opaque):
        if isinstance(value.state, dict) and value.state.keys() >= {"state", "param_groups"}:
            return _optimizer_state(value.state, listed, value.name)
        if isinstance(value.items, dict):
            # A subclass of dict, such as of OrderedDict.
            found = _state_at(value.items, listed)
            return found and replace(found, class_name=value.name)
        return _module_state(value, listed)
    if not isinstance(value, dict):
        return None
    if value.keys() >= {"state", "param_groups"}:
        return _optimizer_state(value, listed)
    tensors = {name: each for name, each in value.items() if is_tensor(each)}
    if not tensors or not all(isinstance(name, str) for name in tensors):
        return None
    others = {key_text(name): each for name, each in value.items() if name not in tensors}
    return FoundState("", "state", tensors, others)


def _optimizer_state(
    content: dict[object, object], listed: Listed, name: str | None = None
) -> FoundState:
    """Its state_dict; or the optimizer itself, whose slots are those of the parameters."""
    slots, groups = content["state"], content["param_groups"]
    if isinstance(slots, dict) and isinstance(groups, list):
        lists = (group.get("params") for group in groups if isinstance(group, dict))
        distinct = {id(each): each for each in lists if isinstance(each, list)}
        listed.add(0, len(slots) + len(groups) + sum(map(len, distinct.values())))
        numbers: dict[int, int] = {}
        for parameters in distinct.values():
            for parameter in parameters:
                numbers.setdefault(id(parameter), len(numbers))
        slots = _numbered(slots, numbers)
    tensors, others = flatten(slots, listed)
    return FoundState("", "optimizer", tensors, {**others, "param_groups": groups}, name)


def _numbered(slots: dict[object, object], numbers: Mapping[int, int]) -> dict[object, object]:
    found: dict[object, object] = {}
    for key, slot in slots.items():
        number = numbers.get(id(key.value), key) if isinstance(key, Key) else key
        if number in found:
            raise UnreadableCheckpoint(
                f"two slots of the optimizer would have the number {describe(number)}"
            )
        found[number] = slot
    return found


def is_tensor(value: object) -> bool:
    # A NumPy scalar, such as the best accuracy, is a number.
    return isinstance(value, LazyTensor) and not isinstance(value, PickledScalar)


def flatten(root: object, listed: Listed) -> tuple[dict[str, LazyTensor], dict[str, object]]:
    """The tensors below `root` and the other leaves, by their names with dots between them.

    A tensor that is `root` itself is "tensor". Raises UnreadableCheckpoint, also for two tensors
    of one name.
    """
    tensors: dict[str, LazyTensor] = {}
    others: dict[str, object] = {}
    for node in walk(root):
        name = _name(node.path)
        listed.add(len(name))
        if isinstance(node.value, LazyTensor) and is_tensor(node.value):
            if tensors.setdefault(name, node.value) is not node.value:
                places = two_places(root, name, _name, tensors=True)
                raise UnreadableCheckpoint(_two_tensors(name, places))
        elif not is_container(node.value):
            others[name] = node.value
    return tensors, others


def _name(path: tuple[str, ...]) -> str:
    return ".".join(path) or "tensor"


def _two_tensors(name: str, places: str) -> str:
    return f"two tensors would have the name {name!r:.100}: {places}"


def _module_state(value: Opaque, listed: Listed) -> FoundState | None:
    tensors: dict[str, LazyTensor] = {}
    paths: dict[str, tuple[object, ...]] = {}
    for path, tensor in ModuleWalk(listed).tensors(value):
        name = joined(path)
        if name in tensors:
            both = (".".join(map(index_text, each)) for each in (paths[name], path))
            raise UnreadableCheckpoint(_two_tensors(name, " and ".join(both)))
        tensors[name], paths[name] = tensor, path
    return FoundState("", "module", tensors, class_name=value.name) if tensors else None
