"""What a user gives beside a state: its code, an example of the inputs, and permission."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from stateserve.checkpoint import read_regular_file
from stateserve.errors import CardMismatch
from stateserve.model.backends.backend import BackendChoice
from stateserve.model.signature_inference import Example, Hints

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


def parse_classes(text: str) -> list[str]:
    """The lines of a file, or names separated by commas, as a line of CSV. Raises CardMismatch."""
    path = Path(text)
    if path.suffix or path.is_file():
        try:
            content = read_regular_file(path, MAX_LABELS_BYTES).decode()
        except UnicodeDecodeError as error:
            raise CardMismatch(f"{path}: {error}") from None
        return [line.strip() for line in content.splitlines() if line.strip()]
    try:
        return [name.strip() for name in next(csv.reader([text], skipinitialspace=True))]
    except (csv.Error, StopIteration) as error:
        raise CardMismatch(f"classes {text!r:.100}: {error}") from None
