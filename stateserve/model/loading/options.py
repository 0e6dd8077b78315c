"""What a user gives beside a state: its code, an example of the inputs, and permission."""

import csv
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from stateserve.checkpoint import read_regular_file
from stateserve.errors import CardMismatch
from stateserve.json_document import read_json
from stateserve.model.backends.backend import BackendChoice
from stateserve.model.signature_inference import Example, Hints
from stateserve.model.signature_inference.class_names import class_names

MAX_LABELS_BYTES = 2**23


@dataclass(frozen=True)
class LoadOptions:
    """`code` is `FILE.py:CLASS` or `FILE.pt2`, for a state without a card; naming it permits to
    run it. `kwargs` are the class's arguments, `example` its inputs, or a file of them.

    `allow_code` permits to run the file that a model card names. `strip_prefix` is taken off the
    names of the state. `key` is the place of the state in a file that holds more.
    """

    code: str | None = None
    kwargs: Mapping[str, JsonValue] = field(default_factory=dict)
    example: Example | Path | None = None
    hints: Hints = field(default_factory=Hints)
    allow_code: bool = False
    strip_prefix: str = ""
    key: str | None = None
    backend: BackendChoice = field(default_factory=BackendChoice)


def parse_classes(text: str) -> dict[str, list[str]]:
    """The classes by output, "" being the only one: of a file with a name on each line, of a file
    .json, of names separated by commas, as a line of CSV, or of JSON.

    Raises CardMismatch, one line.
    """
    if file := classes_file(text):
        return read_classes(file)
    if text.lstrip()[:1] in ("[", "{"):
        return _of_json("classes", text)
    try:
        line = next(csv.reader([text], skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise CardMismatch(f"classes: {error}") from None
    return {"": [name.strip() for name in line]}


def read_classes(path: Path) -> dict[str, list[str]]:
    """The classes in a file, as parse_classes has them. Raises CheckpointError, one line."""
    content = read_regular_file(path, MAX_LABELS_BYTES)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CardMismatch(f"{path}: {error}") from None
    if path.suffix == ".json":
        return _of_json(str(path), text)
    return {"": [line.strip() for line in text.splitlines() if line.strip()]}


def classes_file(text: str) -> Path | None:
    """The file that parse_classes reads; None where the text itself has the names."""
    path = Path(text)
    # Names in a line may have dots, and be longer than any file's name.
    with suppress(OSError):
        if path.is_file() or (path.suffix and "," not in text and text[:1] not in ("[", "{")):
            return path
    return None


def _of_json(where: str, text: str) -> dict[str, list[str]]:
    try:
        return class_names(read_json(text))
    except ValueError as error:
        raise CardMismatch(f"{where}: {error}") from None
    except CardMismatch as error:
        raise CardMismatch(f"{where}: {error}") from None
