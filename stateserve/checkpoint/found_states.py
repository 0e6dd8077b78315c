"""Find the states in the content of a checkpoint: maps of names to tensors, at any depth."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from stateserve.checkpoint.content import MAX_DEPTH, children, walk
from stateserve.checkpoint.description import key_text
from stateserve.checkpoint.dtypes import DTYPES
from stateserve.checkpoint.pickles.arrays import PickledScalar
from stateserve.checkpoint.pickles.objects import Key, Opaque
from stateserve.checkpoint.tensors import LazyTensor
from stateserve.errors import UnreadableCheckpoint

MAX_MODULES = 100_000
# Of one dict that stands at several keys.
MAX_ALIASES = 100
Kind = Literal["state", "module", "optimizer"]
# The attributes of torch.nn.Module that hold its parts.
MODULE_PARTS = ("_parameters", "_buffers", "_modules")


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
    numbers. If there is no other, all tensors of dicts and lists are one state.
    """
    found: dict[tuple[str, ...], FoundState] = {}
    covered: set[tuple[str, ...]] = set()
    known: dict[int, FoundState] = {}
    aliases = 0
    for node in walk(root):
        if any(node.path[:depth] in covered for depth in range(len(node.path))):
            continue
        if node.seen:
            state = known.get(id(node.value)) if aliases < MAX_ALIASES else None
            aliases += state is not None
        else:
            state = _state_at(node.value)
        if state is not None:
            found[node.path] = replace(state, key="/".join(node.path))
            if isinstance(node.value, dict):
                known[id(node.value)] = state
            if state.kind != "state":
                covered.add(node.path)
    return {state.key: state for state in _distinct(found)} or _all_tensors(root)


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


def _all_tensors(root: object) -> dict[str, FoundState]:
    if isinstance(root, Opaque):
        return {}
    tensors, others = flatten(root)
    return {"": FoundState("", "state", tensors, others)} if tensors else {}


def _state_at(value: object) -> FoundState | None:
    """A state without its key."""
    if isinstance(value, Opaque):
        if isinstance(value.state, dict) and value.state.keys() >= {"state", "param_groups"}:
            return _optimizer_state(value.state, value.name)
        if isinstance(value.items, dict):
            # A subclass of dict, such as of OrderedDict.
            found = _state_at(value.items)
            return found and replace(found, class_name=value.name)
        return _module_state(value)
    if not isinstance(value, dict):
        return None
    if value.keys() >= {"state", "param_groups"}:
        return _optimizer_state(value)
    tensors = {name: each for name, each in value.items() if _is_tensor(each)}
    if not tensors or not all(isinstance(name, str) for name in tensors):
        return None
    others = {key_text(name): each for name, each in value.items() if name not in tensors}
    return FoundState("", "state", tensors, others)


def _optimizer_state(content: dict[object, object], name: str | None = None) -> FoundState:
    """Its state_dict; or the optimizer itself, whose slots are those of the parameters."""
    slots, groups = content["state"], content["param_groups"]
    if isinstance(slots, dict) and isinstance(groups, list):
        lists = [group.get("params") for group in groups if isinstance(group, dict)]
        numbers: dict[int, int] = {}
        for parameters in lists:
            for parameter in parameters if isinstance(parameters, list) else ():
                numbers.setdefault(id(parameter), len(numbers))
        slots = {
            numbers.get(id(key.value), key) if isinstance(key, Key) else key: each
            for key, each in slots.items()
        }
    tensors, others = flatten(slots)
    return FoundState("", "optimizer", tensors, {**others, "param_groups": groups}, name)


def _is_tensor(value: object) -> bool:
    # A NumPy scalar, such as the best accuracy, is a number.
    return isinstance(value, LazyTensor) and not isinstance(value, PickledScalar)


def flatten(root: object) -> tuple[dict[str, LazyTensor], dict[str, object]]:
    """The tensors below `root` and the other leaves, by their names with dots between them.

    A tensor that is `root` itself is "tensor".
    """
    tensors: dict[str, LazyTensor] = {}
    others: dict[str, object] = {}
    for node in walk(root):
        name = ".".join(node.path)
        if isinstance(node.value, LazyTensor) and _is_tensor(node.value):
            tensors[name or "tensor"] = node.value
        elif children(node.value) is None:
            others[name] = node.value
    return tensors, others


def _module_state(value: Opaque) -> FoundState | None:
    tensors = dict(_ModuleWalk().tensors(value, ()))
    return FoundState("", "module", tensors, class_name=value.name) if tensors else None


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
