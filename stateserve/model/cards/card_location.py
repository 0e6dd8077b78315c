"""The place of a model card. A module of its own, since the card's takes long to import."""

import os
from pathlib import Path

CARD_SUFFIX = ".json"


def card_path(checkpoint: Path) -> Path:
    return checkpoint.with_suffix(CARD_SUFFIX)


def card_beside(checkpoint: Path) -> Path | None:
    """The card of a checkpoint that has one; a broken link counts as a card, which cannot be read.

    None for the index of a checkpoint in several files, which has the suffix of a card itself.
    """
    card = card_path(checkpoint)
    return card if card != checkpoint and os.path.lexists(card) else None
