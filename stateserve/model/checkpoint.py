"""Read and write checkpoints: a state_dict and its model card, as a pair."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from torch import Tensor

from stateserve.checkpoint import (
    CHUNK,
    Array,
    encode_state,
    of_file,
    read_plain_state,
    state_sha256,
    value_chunks,
    write_atomically,
)
from stateserve.errors import CardMismatch, StateMismatch
from stateserve.model.arrays import TensorState, to_tensors
from stateserve.model.cards.card_location import card_beside, card_path
from stateserve.model.cards.generated_card import multiclass_of, neutral_card
from stateserve.model.cards.tabular_card import Card, read_card
from stateserve.text import printable


def save_checkpoint(state: Mapping[str, Tensor], card: Card, path: Path) -> None:
    """Write state and card atomically. Raises OSError."""
    write_atomically({path: encode_state(state, path), card_path(path): card.to_json()})


def load_checkpoint(path: Path, key: str | None = None) -> tuple[TensorState, Card]:
    """Read the pair and check it: the weights are finite, and the hash is the card's.

    `key` is the place of the state in a file that holds more.

    Without a card, one with neutral names is generated if the state fits Multiclass. Raises
    CheckpointError, one line that names the file and the reason.
    """
    state, found = read_finite_state(path, key)
    beside = card_beside(path)
    if beside is None:
        return state, _neutral_card(path, state, found)
    card = read_card(beside)
    if found != card.state_sha256:
        raise CardMismatch(
            f"{beside}: the card is of state {card.state_sha256[:12]}, "
            f"but {path.name} holds state {found[:12]}"
        )
    return state, card


def read_finite_state(path: Path, key: str | None = None) -> tuple[TensorState, str]:
    """A state whose weights are all finite, and its hash. Raises CheckpointError."""
    state = read_plain_state(path, key)
    if not state:
        raise StateMismatch(f"{path}: holds an empty state_dict")
    for name, array in state.items():
        if wrong := _count_non_finite(array):
            raise StateMismatch(f"{path}: {name!r:.100} has {wrong} NaN or infinite values")
    return to_tensors(state), state_sha256(state)


def _neutral_card(path: Path, state: TensorState, sha256: str) -> Card:
    try:
        return neutral_card(printable(path.stem)[:200], multiclass_of(state, path), sha256)
    except (StateMismatch, CardMismatch) as error:
        raise type(error)(of_file(path, str(error))) from None


def _count_non_finite(array: Array) -> int:
    # In chunks, since isfinite takes memory in proportion.
    return sum(
        chunk.size - int(np.count_nonzero(np.isfinite(chunk)))
        for chunk in value_chunks(array, CHUNK)
    )
