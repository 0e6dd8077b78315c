"""The name and the version of a model, of the path of its checkpoint or its packed folder."""

import re
from pathlib import Path

from stateserve.checkpoint import CODECS
from stateserve.errors import UnreadableCheckpoint
from stateserve.model.cards.card_location import card_path
from stateserve.text import printable

# As a packed folder has it: NAME/VERSION/model.pth.
PACKED = "model"
VERSION = re.compile("[1-9][0-9]*")


def name_and_version(path: Path) -> tuple[str, str]:
    """`digits` and `2` of models/digits/2/model.pth; else the file's stem, and version 1."""
    version = path.absolute().parent
    if path.stem == PACKED and VERSION.fullmatch(version.name) and version.parent.name:
        return printable(version.parent.name), version.name
    return printable(path.stem), "1"


def holds_models(folder: Path) -> bool:
    """Whether a state in the folder, or in one of its versions, has a card."""
    states = (each for depth in ("*", "*/*") for each in folder.glob(depth))
    return any(each.suffix in CODECS and card_path(each).is_file() for each in states)


def packed_in(folder: Path) -> tuple[Path, str, str]:
    """The checkpoint, the name and the version of the only model in a packed folder, `digits/2` or
    `digits`. Raises UnreadableCheckpoint."""
    try:
        files = [each for each in folder.iterdir() if each.suffix in CODECS and each.is_file()]
    except OSError as error:
        raise UnreadableCheckpoint(f"{folder}: {error.strerror or error}") from None
    found = [each for each in files if card_path(each).is_file()]
    if len(found) != 1:
        raise UnreadableCheckpoint(
            f"{folder}: a folder with {len(found)} models that have a card; name one checkpoint, "
            "or serve a folder with models in NAME/VERSION/ with --models"
        )
    whole = folder.resolve()
    if VERSION.fullmatch(whole.name) and whole.parent.name:
        return found[0], printable(whole.parent.name), whole.name
    return found[0], printable(whole.name), "1"
