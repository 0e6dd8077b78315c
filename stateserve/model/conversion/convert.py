"""Convert a checkpoint and its model card; without torch, unless the file's code is to be run."""

import errno
from collections.abc import Callable
from pathlib import Path

from stateserve.checkpoint import (
    AS_IT_IS,
    Conversion,
    Converted,
    ConvertOptions,
    SourceState,
    read_regular_file,
)
from stateserve.errors import CardMismatch
from stateserve.model.cards.card_location import card_beside, card_path


def convert_model(
    source: Path,
    target: Path,
    options: ConvertOptions = AS_IT_IS,
    *,
    trust_pickle: bool = False,
    done: Callable[[int, int], object] = lambda *_: None,
) -> Converted:
    """Write the state of `source` to `target` as stateserve.checkpoint.convert does, and its card.

    The card goes along unless names or dtypes change, since it is of the state before. With
    `trust_pickle`, the code in `source` is run, to take the state of a module that cannot be read
    as data. `done` is called with the bytes that are written and all bytes. Raises
    CheckpointError, InvalidNames or OSError.
    """
    state = _unpickle_trusted(source) if trust_pickle else SourceState.open(source, options.key)
    conversion = Conversion(state, target, options)
    extra = {}
    # A folder has no card beside it.
    if source.is_file() and (card := card_beside(source)) and card.exists():
        if conversion.alters_state:
            state.notes.append(f"{card.name} is the card of the state before the changes")
        elif card != card_path(target):
            try:
                extra = _card_files(card, target)
            except CardMismatch as error:
                state.notes.append(f"no card is copied: {error}")
    return conversion.write(extra, done)


def _card_files(source: Path, target: Path) -> dict[Path, bytes]:
    """The card of `target`, and in another folder the code and golden file that it names."""
    # Imports pydantic, as long as the rest of a conversion of a small file takes.
    from stateserve.model.cards.model_card import ModelCard
    from stateserve.model.loading.card_file import read_any_card

    card = read_any_card(source)
    files = {card_path(target): card.to_json()}
    if isinstance(card, ModelCard) and target.parent.resolve() != source.parent.resolve():
        for name in card.files:
            content, copied = read_regular_file(source.parent / name), target.parent / name
            if copied.exists() and read_regular_file(copied) != content:
                raise FileExistsError(errno.EEXIST, "another file is there already", str(copied))
            files[copied] = content
    return files


def _unpickle_trusted(path: Path) -> SourceState:
    # The code of the file needs torch, and nothing else here does.
    from stateserve.model.conversion.trusted_pickle import unpickle_state

    return SourceState.of(unpickle_state(path))
