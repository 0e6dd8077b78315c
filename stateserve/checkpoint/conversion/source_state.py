"""The state that a conversion reads, of a file or in memory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from stateserve.checkpoint.arrays import Values, as_array
from stateserve.checkpoint.checkpoint import Checkpoint
from stateserve.checkpoint.content import walk
from stateserve.checkpoint.dtypes import DTYPES
from stateserve.checkpoint.found_states import FoundState, is_tensor
from stateserve.checkpoint.readers.formats import GGUF
from stateserve.checkpoint.shared_memory import identity
from stateserve.checkpoint.sources import Memory
from stateserve.checkpoint.storage import Storage
from stateserve.checkpoint.tensors import LazyTensor
from stateserve.errors import InvalidConversion, StateMismatch
from stateserve.text import listed

MOST_LISTED = 10


@dataclass(frozen=True)
class SourceState:
    """Tensors by name, the text beside them, and notes on what is unusual or left out.

    `label` begins the errors. `confirm` raises CheckpointError if the file changed meanwhile, or
    a checksum is wrong.
    """

    tensors: dict[str, LazyTensor]
    metadata: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    label: str = ""
    confirm: Callable[[], object] = lambda: None

    @classmethod
    def open(cls, path: Path, key: str | None = None) -> Self:
        """The state of a file at `key`, or its only one; only headers are read.

        Raises CheckpointError, one line that begins with the path.
        """
        checkpoint = Checkpoint.open(path)
        if checkpoint.format == GGUF:
            raise InvalidConversion(
                f"{path}: a {GGUF}, which is only looked at: llama.cpp has renamed, reordered or "
                "quantised the tensors; convert the checkpoint that it was made from"
            )
        found = checkpoint.state(key)
        for name, tensor in found.tensors.items():
            if tensor.dtype not in DTYPES:
                raise StateMismatch(
                    f"{path}: {name!r:.100} is {tensor.dtype}, whose values are not read"
                )
        checkpoint.require_held(found.tensors)
        storages = {tensor.storage for tensor in found.tensors.values()}
        return cls(
            found.tensors,
            checkpoint.metadata,
            [*checkpoint.notes, *_notes(found, key)],
            f"{path}: ",
            lambda: checkpoint.verify(storages),
        )

    @classmethod
    def of(cls, state: Mapping[str, Values]) -> Self:
        """A state in memory: arrays, or tensors of torch on the CPU."""
        storages: dict[object, Storage] = {}
        tensors: dict[str, LazyTensor] = {}
        for name, values in state.items():
            array = as_array(values)
            place = identity(name, values)
            if place not in storages:
                raw = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
                storages[place] = Storage(Memory(raw.data))
            tensors[name] = LazyTensor(storages[place], array.dtype.name, array.shape)
        return cls(tensors)


def _notes(found: FoundState, key: str | None) -> list[str]:
    notes = [f"took the state at {found.key!r:.100}"] if key is None and found.key else []
    # The groups of an optimizer have its parameters, which are no part of its state.
    beside = {} if found.kind == "optimizer" else found.others
    kept = {node.path[0]: None for node in walk(beside) if is_tensor(node.value)}
    if kept:
        notes.append(f"left out, tensors that are not in this state: {shortened(list(kept))}")
    if others := [name for name in found.others if name not in kept]:
        notes.append(f"left out, no tensors: {shortened(others)}")
    return notes


def shortened(names: list[str]) -> str:
    """At most MOST_LISTED names, cut to 100 characters, and the number of the others."""
    return listed([f"{name:.100}" for name in names], MOST_LISTED)
