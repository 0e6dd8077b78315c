"""Read and write checkpoints: a state_dict and its model card, as a pair."""

import errno
import io
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from stateserve.checkpoint import (
    CHUNK,
    State,
    encode_state,
    read_regular_file,
    read_state,
    state_sha256,
    write_atomically,
)
from stateserve.errors import CardMismatch, StateMismatch, UnreadableCheckpoint
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.card import Card, card_path, read_card
from stateserve.model.generated_card import multiclass_of, neutral_card
from stateserve.text import printable


def save_checkpoint(state: Mapping[str, Tensor], card: Card, path: Path) -> None:
    """Write state and card atomically. Raises OSError."""
    write_atomically({path: encode_state(state, path), card_path(path): card.to_json()})


def load_checkpoint(path: Path) -> tuple[State, Card]:
    """Read the pair and check it: the weights are finite, and the hash is the card's.

    Without a card, one with neutral names is generated if the state fits Multiclass. Raises
    CheckpointError, one line that names the file and the reason.
    """
    state, found = read_finite_state(path)
    # A broken link counts as a card, which cannot be read.
    if not os.path.lexists(card_path(path)):
        return state, _neutral_card(path, state, found)
    card = read_card(card_path(path))
    if found != card.state_sha256:
        raise CardMismatch(
            f"{card_path(path)}: the card is of state {card.state_sha256[:12]}, "
            f"but {path.name} holds state {found[:12]}"
        )
    return state, card


def read_finite_state(path: Path) -> tuple[State, str]:
    """A state whose weights are all finite, and its hash. Raises CheckpointError."""
    state = read_state(path)
    for name, tensor in state.items():
        if wrong := _count_non_finite(tensor):
            raise StateMismatch(f"{path}: {name!r:.100} has {wrong} NaN or infinite values")
    return state, state_sha256(state)


def _neutral_card(path: Path, state: State, sha256: str) -> Card:
    try:
        return neutral_card(printable(path.stem)[:200], multiclass_of(state), sha256)
    except (StateMismatch, CardMismatch) as error:
        raise type(error)(f"{path}: {error}") from None


def _count_non_finite(tensor: Tensor) -> int:
    """Count in chunks, since isfinite takes memory in proportion."""
    wrong = 0
    for chunk in torch.split(tensor.reshape(-1), CHUNK):
        # isfinite does not support one-byte floats; float16 can represent all of them.
        numbers = chunk if chunk.itemsize > 1 else chunk.half()
        wrong += chunk.numel() - int(torch.isfinite(numbers).sum())
    return wrong


def convert(source: Path, target: Path, *, trust_pickle: bool = False) -> State:
    """Convert `source` to `target`, each in the format of its suffix; the card goes along.

    With `trust_pickle`, `source` may be a whole pickled module, whose code is run. Raises
    CheckpointError or OSError.
    """
    if not target.parent.is_dir():
        # Creating the folder would hide a misspelt path.
        raise FileNotFoundError(errno.ENOENT, "No such folder", str(target.parent))
    state = _unpickle_trusted(source) if trust_pickle else read_state(source)
    files = {target: encode_state(state, target)}
    if card_path(source).exists() and card_path(source) != card_path(target):
        files[card_path(target)] = read_card(card_path(source)).to_json()
    write_atomically(files)
    return state


class _ModuleUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        # A script pickles its own class as __main__.Multiclass, which exists in no other process.
        if (module, name) == ("__main__", "Multiclass"):
            return Multiclass
        return super().find_class(module, name)


def _unpickle_trusted(path: Path) -> State:
    content = io.BytesIO(read_regular_file(path))
    try:
        if path.suffix == ".pickle":
            loaded = _ModuleUnpickler(content).load()
        else:
            pickle_module = SimpleNamespace(
                __name__="pickle", Unpickler=_ModuleUnpickler, load=pickle.load
            )
            loaded = torch.load(content, "cpu", weights_only=False, pickle_module=pickle_module)
    except Exception as error:
        raise UnreadableCheckpoint(f"{path}: {type(error).__name__}: {error}") from None
    state = loaded.state_dict() if isinstance(loaded, nn.Module) else loaded
    if not isinstance(state, Mapping) or not all(isinstance(t, Tensor) for t in state.values()):
        raise StateMismatch(f"{path}: holds a {type(loaded).__name__}, not a module or state_dict")
    return dict(state)
