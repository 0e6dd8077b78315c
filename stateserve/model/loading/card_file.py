"""Read a card of either schema version."""

from pathlib import Path

import msgspec
from pydantic import ValidationError

from stateserve.checkpoint import read_regular_file
from stateserve.errors import CardMismatch, UnreadableCheckpoint
from stateserve.field_faults import first_fault
from stateserve.model.cards.model_card import ModelCard
from stateserve.model.cards.tabular_card import MAX_BYTES, Card, card_content, card_of


class _Version(msgspec.Struct):
    schema_version: int


def card_files(path: Path) -> list[str]:
    """The files that a card names, relative to its folder; none if it cannot be read."""
    try:
        # A card of version 1 names none, and may be long.
        version = msgspec.json.decode(read_regular_file(path, MAX_BYTES), type=_Version)
        card = read_any_card(path) if version.schema_version == 2 else None
    except (
        *(UnreadableCheckpoint, CardMismatch),
        *(msgspec.DecodeError, UnicodeDecodeError, RecursionError),
    ):
        return []
    return card.files if isinstance(card, ModelCard) else []


def read_any_card(path: Path) -> Card | ModelCard:
    """Read and validate a card. Raises CardMismatch, one line that names file and field."""
    content = card_content(path)
    if not isinstance(content, dict) or content.get("schema_version", 1) == 1:
        return card_of(path, content)
    try:
        return ModelCard.model_validate(content)
    except ValidationError as error:
        raise CardMismatch(f"{path}: {first_fault(error)}") from None
