"""Read a card of either schema version."""

from pathlib import Path

from pydantic import ValidationError

from stateserve.errors import CardMismatch
from stateserve.model.card import Card, card_content, card_of, first_fault
from stateserve.model.model_card import ModelCard


def read_any_card(path: Path) -> Card | ModelCard:
    """Read and validate a card. Raises CardMismatch, one line that names file and field."""
    content = card_content(path)
    if not isinstance(content, dict) or content.get("schema_version") != 2:
        return card_of(path, content)
    try:
        return ModelCard.model_validate(content)
    except ValidationError as error:
        raise CardMismatch(f"{path}: {first_fault(error)}") from None
