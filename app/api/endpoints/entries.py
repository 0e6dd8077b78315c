"""Entries of a state in answers: selected by name, with the values of small tensors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from app.errors import InvalidQuery, TensorNotFound
from stateserve.checkpoint import Array
from stateserve.errors import InvalidNames
from stateserve.inspect import MAX_JSON_VALUES, Entry, EntryOutline, json_values
from stateserve.names import select

Outlined = TypeVar("Outlined", bound=EntryOutline)


@dataclass(frozen=True)
class EntryView(Entry):
    values: Any = None
    href: str | None = None


class BranchQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    only: list[str] = Field(
        default=[], description="names: a module, or a pattern such as `*.weight`", max_length=100
    )


class ValuesQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    values: bool | None = Field(
        default=None, description="true: always; false: never; absent: small tensors only"
    )


def values_of(array: Array, wanted: bool | None, limit: int) -> object:
    shown = array.size <= limit if wanted is None else wanted
    return json_values(array) if shown else None


def require_few(count: int, limit: int) -> None:
    """Raise InvalidQuery for more values than JSON is sent of."""
    most = max(MAX_JSON_VALUES, limit)
    if count > most:
        raise InvalidQuery(
            f"values: {count} elements, and JSON is sent of at most {most}; of /state/{{name}} ask "
            "a slice, or format=npy or safetensors"
        )


def selected(entries: Sequence[Outlined], patterns: Sequence[str]) -> list[Outlined]:
    """The entries with names that a pattern selects; all without one. Raises TensorNotFound."""
    try:
        chosen = set(select([entry.name for entry in entries], patterns))
    except InvalidNames as error:
        raise TensorNotFound(str(error)) from None
    return [entry for entry in entries if entry.name in chosen]
