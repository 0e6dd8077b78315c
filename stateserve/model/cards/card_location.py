"""The place of a model card. A module of its own, since the card's takes long to import."""

from pathlib import Path

CARD_SUFFIX = ".json"


def card_path(checkpoint: Path) -> Path:
    return checkpoint.with_suffix(CARD_SUFFIX)
