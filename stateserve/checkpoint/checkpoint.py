"""A checkpoint: an opened file, its content as a tree, and the states in it."""

from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Self

from stateserve.checkpoint.arrays import State
from stateserve.checkpoint.claims import require_copied, require_hashed, require_read
from stateserve.checkpoint.content import Node, walk
from stateserve.checkpoint.description import describe
from stateserve.checkpoint.dtypes import PLAIN, Array
from stateserve.checkpoint.found_states import FoundState, find_states, flatten
from stateserve.checkpoint.module_state import Listed
from stateserve.checkpoint.open_files import OpenFiles
from stateserve.checkpoint.pickles.objects import Opaque
from stateserve.checkpoint.readers.folder import find_in_folder
from stateserve.checkpoint.readers.formats import SUFFIXES, Content
from stateserve.checkpoint.refusals import listing, of_file, why_no_state, why_no_tensor, why_unsafe
from stateserve.checkpoint.shared_memory import identity
from stateserve.checkpoint.storage import Storage
from stateserve.checkpoint.tensors import LazyTensor
from stateserve.errors import (
    CheckpointError,
    SeveralFiles,
    StateMismatch,
    UnreadableCheckpoint,
    UnsafeCheckpoint,
)
from stateserve.text import with_article

FOLDER = (
    "a folder, not a file; if it is a checkpoint in several files, into one, which is served: "
    "stateserve convert IN OUT"
)


class Checkpoint:
    """A file of tensors in any known format. Only its headers are read before a tensor is.

    `format` says in words what the file is, `metadata` is the text that the format keeps beside
    the tensors, and `notes` say what is unusual, such as a wrong suffix.
    """

    def __init__(self, path: Path, content: Content, files: OpenFiles) -> None:
        self.path = path
        self.format, self.root, self.metadata = content.format, content.root, content.metadata
        self.notes = [*content.notes, *_suffix_notes(path, content.format)]
        self._files, self._inflated = files, content.size

    @classmethod
    def open(cls, path: Path, *, follow: bool = True) -> Self:
        """Open a file, or a folder of files that belong together.

        Unless `follow`, folders and symbolic links out of their own folder are refused. Raises
        CheckpointError, one line that begins with the path.
        """
        if path.is_dir() and not follow:
            raise SeveralFiles(of_file(path, FOLDER))
        found = find_in_folder(path) if follow and path.is_dir() else path
        files = OpenFiles(found, follow=follow)
        try:
            return cls(path, files.read(), files)
        except CheckpointError as error:
            raise type(error)(of_file(found, str(error))) from None
        except MemoryError:
            raise UnreadableCheckpoint(f"{found}: larger than the memory") from None

    def walk(self) -> Iterator[Node]:
        """Every value of the content with its path: numbers, texts and objects, too."""
        return walk(self.root)

    @cached_property
    def states(self) -> dict[str, FoundState]:
        """Every state by its key, in the order of the file."""
        with self._naming():
            return find_states(self.root)

    def state(self, key: str | None = None) -> FoundState:
        """The state at `key`; without a key the only one, apart from optimizers' states.

        A key that is of no state is a path to any part of the content, of which all tensors are
        taken. Raises StateMismatch, which lists the keys, also for a path to two parts.
        """
        if key is None:
            return self._only_state()
        if key in self.states:
            return self.states[key]
        found = [node.value for node in self.walk() if "/".join(node.path) == key]
        if len(found) > 1:
            raise StateMismatch(f"{self.path}: {len(found)} parts are at {key!r:.100}")
        for value in found:
            with self._naming():
                tensors, others = flatten(value, Listed())
            if tensors:
                return FoundState(key, "state", tensors, others)
        raise StateMismatch(f"{self.path}: no tensors at {key!r:.100}; {listing(self.states)}")

    def _only_state(self) -> FoundState:
        if "" in self.states:
            return self.states[""]
        wanted = [state for state in self.states.values() if state.kind != "optimizer"]
        wanted = wanted or list(self.states.values())
        if not wanted and isinstance(self.root, Opaque):
            raise UnsafeCheckpoint(of_file(self.path, why_unsafe(self.root, self.states)))
        if len(wanted) != 1:
            raise StateMismatch(of_file(self.path, why_no_state(self.root, self.states)))
        return wanted[0]

    def read(self, key: str | None = None) -> State:
        """Read the state at `key`: arrays that own their memory. Names of one tensor have the
        same array. Raises CheckpointError."""
        return self._read(self.state(key).tensors)

    def read_plain(self) -> State:
        """Read the content itself as a state_dict of plain tensors, and nothing else.

        Raises UnsafeCheckpoint, StateMismatch or UnreadableCheckpoint.
        """
        if isinstance(self.root, Opaque):
            raise UnsafeCheckpoint(of_file(self.path, why_unsafe(self.root, self.states)))
        if not isinstance(self.root, dict):
            raise StateMismatch(of_file(self.path, why_no_state(self.root, self.states)))
        for name, value in self.root.items():
            self._require_tensor(name, value)
        return self._read(self.root)

    def _require_tensor(self, name: object, value: object) -> None:
        if isinstance(name, str) and isinstance(value, LazyTensor):
            return
        where = f"entry {describe(name):.100}"
        if isinstance(value, Opaque):
            raise UnsafeCheckpoint(
                f"{self.path}: {where} is {with_article(value.name):.200}, which only the file's "
                "own code could make, not a tensor: this is not a state_dict"
            )
        reason = f"{where} {why_no_tensor(name, value, self.states)}"
        raise StateMismatch(of_file(self.path, reason))

    def _read(self, tensors: Mapping[str, LazyTensor]) -> State:
        for name, tensor in tensors.items():
            if tensor.dtype not in PLAIN:
                what = f"{name!r:.100} is {tensor.dtype}, which is not served or converted"
                raise StateMismatch(f"{self.path}: {what}")
        self.require_held(tensors)
        with self._naming():
            require_hashed(tensors, self._size())
        state: State = {}
        arrays: dict[Hashable, Array] = {}
        for name, tensor in tensors.items():
            place = identity(name, tensor)
            if place not in arrays:
                arrays[place] = self.read_tensor(name, tensor)
            state[name] = arrays[place]
        self.verify({tensor.storage for tensor in tensors.values()})
        return state

    def require_held(self, tensors: Mapping[str, LazyTensor]) -> None:
        """Raise StateMismatch if the tensors take much more memory than the file has bytes."""
        for name, tensor in tensors.items():
            try:
                tensor.require_held()
            except CheckpointError as error:
                raise type(error)(f"{self.path}: {name!r:.100} {error}") from None
        with self._naming():
            require_copied(tensors, self._size())

    def _size(self) -> int:
        """The bytes of all files, once inflated."""
        return max(self._inflated, sum(file.size for file in self._files.opened.values()))

    def read_tensor(self, name: str, tensor: LazyTensor) -> Array:
        """Raises CheckpointError, one line with the path and the name."""
        try:
            return tensor.array()
        except CheckpointError as error:
            raise type(error)(f"{self.path}: {name!r:.100} {error}") from None
        except MemoryError:
            raise UnreadableCheckpoint(f"{self.path}: larger than the memory") from None
        except OSError as error:
            raise UnreadableCheckpoint(f"{self.path}: {error.strerror or error}") from None

    def placed(self, tensors: Mapping[str, LazyTensor]) -> dict[str, LazyTensor]:
        """The tensors, all to be read: their errors begin with the path and their name.

        Raises StateMismatch if many of them share memory, so that reading them takes too long.
        """
        with self._naming():
            require_read(tensors, self._size())
        found = {name: copy(tensor) for name, tensor in tensors.items()}
        for name, tensor in found.items():
            tensor.place = f"{self.path}: {name!r:.100} "
        return found

    def verify(self, storages: set[Storage]) -> None:
        """Raise UnreadableCheckpoint if the file changed, or a checksum in it is wrong."""
        with self._naming():
            for storage in storages:
                storage.verify()
            for file in self._files.opened.values():
                file.require_unchanged()

    @contextmanager
    def _naming(self) -> Iterator[None]:
        """Errors begin with the path."""
        try:
            yield
        except CheckpointError as error:
            raise type(error)(f"{self.path}: {error}") from None


def _suffix_notes(path: Path, found: str) -> list[str]:
    suffix = path.suffix.lower()
    usual = {name for name, suffixes in SUFFIXES.items() if suffix in suffixes}
    if not usual or found in usual:
        return []
    return [f"{with_article(found)} with the suffix {path.suffix}"]
