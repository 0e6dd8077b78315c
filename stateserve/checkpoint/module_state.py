"""The entries of a pickled module's state_dict, from the attributes of torch.nn.Module."""

from collections.abc import Iterable, Iterator

from stateserve.checkpoint.content import MAX_DEPTH
from stateserve.checkpoint.description import key_text
from stateserve.checkpoint.pickles.objects import Opaque
from stateserve.checkpoint.tensors import LazyTensor
from stateserve.errors import UnreadableCheckpoint

MAX_MODULES = 100_000
# Estimated bytes of all names and entries of all states. Objects of a pickle may share their
# parts, so that a small file could have any number of entries.
MAX_LISTED = 2**28
ENTRY_BYTES = 100
# The attributes of torch.nn.Module that hold its parts.
MODULE_PARTS = ("_parameters", "_buffers", "_modules")


class Listed:
    """Counts the entries that are listed for one file."""

    def __init__(self) -> None:
        self._left = MAX_LISTED

    def add(self, characters: int, entries: int = 1) -> None:
        """Raises UnreadableCheckpoint once there are too many."""
        self._left -= characters + ENTRY_BYTES * entries
        if self._left < 0:
            raise UnreadableCheckpoint("its parts refer to each other far too often")


class ModuleWalk:
    """The entries of a module's state_dict, in its order, as torch.nn.Module writes them.

    A module that two names share has its entries twice, as in torch, so visits are limited.
    """

    def __init__(self, listed: Listed) -> None:
        self._visits, self._listed = 0, listed

    def tensors(
        self, module: object, path: tuple[object, ...] = ()
    ) -> Iterator[tuple[tuple[object, ...], LazyTensor]]:
        """The tensors by the keys that their names are made of."""
        if not isinstance(module, Opaque) or not isinstance(module.state, dict):
            return
        self._visits += 1
        if self._visits > MAX_MODULES or len(path) > MAX_DEPTH:
            raise UnreadableCheckpoint(f"a module with more than {MAX_MODULES} parts")
        own, modules = self._parts(module.state, scripted=module.name.startswith("__torch__."))
        for key, child in own:
            if isinstance(child, LazyTensor):
                self._listed.add(len(joined((*path, key))))
                yield (*path, key), child
        for key, child in modules.items():
            yield from self.tensors(child, (*path, key))

    def _parts(
        self, state: dict[object, object], *, scripted: bool
    ) -> tuple[Iterable[tuple[object, object]], dict[object, object]]:
        """Parameters with persistent buffers, and submodules."""
        if scripted:
            self._listed.add(0, len(state))
            return state.items(), state
        parameters, buffers, modules = (_mapping(state.get(part)) for part in MODULE_PARTS)
        fleeting = state.get("_non_persistent_buffers_set")
        items = fleeting.items if isinstance(fleeting, Opaque) else None
        items = items if isinstance(items, list) else []
        self._listed.add(0, len(parameters) + len(buffers) + len(modules) + len(items))
        omitted = {name for name in items if isinstance(name, str)}
        buffers = {name: each for name, each in buffers.items() if name not in omitted}
        return (*parameters.items(), *buffers.items()), modules


def joined(path: Iterable[object]) -> str:
    """The name of a tensor in a state_dict."""
    return ".".join(map(key_text, path))


def _mapping(value: object) -> dict[object, object]:
    return value if isinstance(value, dict) else {}
