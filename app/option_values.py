"""Values of options that are lists, pairs or JSON. Raises InvalidOption, which names the option."""

import csv
from typing import TYPE_CHECKING

from app.errors import InvalidOption
from stateserve.json_document import read_json

IMAGE = '{"mode": "L", "resize": [28, 28]}'
TOKENS = '{"vocabulary": 1000, "pad": 0}'
KWARGS = '{"n_classes": 10}'

if TYPE_CHECKING:
    from pydantic import JsonValue


def names(option: str, text: str) -> list[str]:
    """Split a line of CSV, in which quotes enclose a name with a comma."""
    try:
        line = next(csv.reader([text], skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise InvalidOption(f"{option}: {error}") from None
    found = [name.strip() for name in line]
    if "" in found:
        raise InvalidOption(f"{option}: name {found.index('') + 1} of {len(found)} is empty")
    return found


def json_object(option: str, text: str | None, sample: str) -> "dict[str, JsonValue] | None":
    if text is None:
        return None
    try:
        value = read_json(text)
    except ValueError as error:
        raise InvalidOption(f"{option}: {error}; accepted is such as {sample}") from None
    if not isinstance(value, dict):
        raise InvalidOption(f"{option}: not a JSON object, such as {sample}")
    return value


def pairs(option: str, text: str | None) -> str | dict[str, str] | None:
    """`NAME=VALUE,...` by name, or one value."""
    if text is None or "=" not in text:
        return text
    found = dict(each.partition("=")[::2] for each in names(option, text))
    if "" in found.values():
        raise InvalidOption(f"{option}: give NAME=VALUE for each of several")
    return found


def axes(option: str, text: str | None) -> dict[str, list[int]] | None:
    """`INPUT:AXIS,...` by input; without `INPUT:`, of the only input."""
    if text is None:
        return None
    found: dict[str, list[int]] = {}
    for each in names(option, text):
        name, _, axis = each.rpartition(":")
        if not axis.isdecimal():
            raise InvalidOption(f"{option}: {each!r:.100} is not INPUT:AXIS, such as ids:1")
        found.setdefault(name, []).append(int(axis))
    return found
