"""The name and the version of a model, of the path of its checkpoint."""

import re
from pathlib import Path

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
