"""Convert a checkpoint to another format, without torch and without running code in it."""

import errno
from pathlib import Path

from stateserve.checkpoint import (
    State,
    encode_state,
    read_regular_file,
    read_state,
    write_atomically,
)
from stateserve.model.card import card_path
from stateserve.model.loading.card_file import read_any_card
from stateserve.model.model_card import ModelCard


def convert(
    source: Path, target: Path, *, key: str | None = None, trust_pickle: bool = False
) -> State:
    """Write the state of `source` at `key`, or its only one, to `target`; the card goes along.

    The format of `target` is that of its suffix. With `trust_pickle`, the code in `source` is
    run, to take the state of a module that cannot be read as data. Raises CheckpointError or
    OSError.
    """
    if not target.parent.is_dir():
        # Creating the folder would hide a misspelt path.
        raise FileNotFoundError(errno.ENOENT, "No such folder", str(target.parent))
    state = _unpickle_trusted(source) if trust_pickle else read_state(source, key)
    files = {target: encode_state(state, target)}
    if card_path(source).exists() and card_path(source) != card_path(target):
        files |= _card_files(source, target)
    write_atomically(files)
    return state


def _card_files(source: Path, target: Path) -> dict[Path, bytes]:
    """The card of `target`, and in another folder the code and golden file that it names."""
    card = read_any_card(card_path(source))
    files = {card_path(target): card.to_json()}
    if isinstance(card, ModelCard) and target.parent.resolve() != source.parent.resolve():
        for name in card.files:
            content, copied = read_regular_file(source.parent / name), target.parent / name
            if copied.exists() and read_regular_file(copied) != content:
                raise FileExistsError(errno.EEXIST, "another file is there already", str(copied))
            files[copied] = content
    return files


def _unpickle_trusted(path: Path) -> State:
    # The code of the file needs torch, and nothing else here does.
    from stateserve.model.conversion.trusted_pickle import unpickle_state

    return unpickle_state(path)
