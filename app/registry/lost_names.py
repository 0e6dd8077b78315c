"""Names that the version before has in its card, and a new version has not."""

from collections.abc import Iterator

from app.registry.listing import Candidate
from stateserve.errors import CheckpointError
from stateserve.model import (
    AnyModel,
    Input,
    ModelCard,
    Output,
    TensorModel,
    card_path,
    read_any_card,
)

# The fields of a card, and the options of `stateserve pack` that fill them.
OPTIONS = {
    "classes": "classes",
    "unit": "units",
    "features": "features",
    "image": "image",
    "tokens": "tokens",
}


def warnings_of(model: AnyModel, candidate: Candidate) -> list[str]:
    """Those of the model, and one if the version before has names that it has not."""
    lost = candidate.earlier and _lost_names(model, candidate.earlier)
    return [*model.warnings, *([lost] if lost else [])]


def _lost_names(model: AnyModel, earlier: Candidate) -> str | None:
    # A card of version 1 may be long.
    if not isinstance(model, TensorModel):
        return None
    try:
        card = read_any_card(card_path(earlier.path))
    except CheckpointError:
        return None
    if not isinstance(card, ModelCard):
        return None
    lost = [
        *_lost(model.card.inputs, card.inputs),
        *_lost(model.card.outputs, card.outputs),
    ]
    if not lost:
        return None
    what = ", ".join(f"{field} of {name!r}" for field, name in lost)
    options = " ".join(dict.fromkeys(f"--{OPTIONS[field]}" for field, _ in lost))
    return (
        f"its card has no {what}, which version {earlier.version} has; if they are missing, pack "
        f"this version again: `stateserve pack {options}`, or the same arguments of save_model"
    )


def _lost(
    ours: list[Input] | list[Output], theirs: list[Input] | list[Output]
) -> Iterator[tuple[str, str]]:
    tensors = {each.name: each for each in ours}
    for before in theirs:
        now = tensors.get(before.name)
        for field in OPTIONS:
            if now and getattr(before, field, None) and not getattr(now, field, None):
                yield field, before.name
