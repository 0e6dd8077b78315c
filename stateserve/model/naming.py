"""Name the features and classes of a state that has no card."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from stateserve.checkpoint import of_file
from stateserve.errors import CardMismatch, CheckpointError
from stateserve.field_faults import first_fault
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.cards.generated_card import multiclass_of, named_card, sizes
from stateserve.model.cards.tabular_card import Card, read_card
from stateserve.model.checkpoint import read_finite_state
from stateserve.model.feature import Feature, split_unit
from stateserve.model.predictor import Predictor
from stateserve.text import printable


def card_of_names(
    path: Path, headers: Sequence[str], classes: Sequence[str], key: str | None = None
) -> Card:
    """Make a card for the checkpoint at `path`, with a feature and its unit for each header.

    `key` is the place of the state in a file that holds more.

    Raises CheckpointError, one line that names the file and the fault.
    """
    for name in (*headers, *classes):
        if (shown := printable(name)) != name:
            raise CardMismatch(f"{path}: the name {shown:.100} has characters that are not shown")
    features = [dict(zip(("name", "unit"), split_unit(each), strict=True)) for each in headers]
    module, sha256 = _read_module(path, key)
    _require_sizes(path, module, "the given names are", (len(features), len(classes)))
    return _checked_card(path, module, sha256, features, classes)


def card_like(path: Path, other: Path, key: str | None = None) -> Card:
    """Make a card for the checkpoint at `path`, with the features and classes of `other`.

    If `other` is the card of the same state, all of it is kept. Raises CheckpointError, one
    line that names the file and the fault.
    """
    known = read_card(other)
    module, sha256 = _read_module(path, key)
    found = len(known.features), len(known.classes)
    _require_sizes(path, module, f"{other} has", found)
    if sha256 == known.state_sha256:
        _require_golden_prediction(other, module, known)
        return known
    return _checked_card(path, module, sha256, known.features, known.classes)


def _read_module(path: Path, key: str | None) -> tuple[Multiclass, str]:
    state, sha256 = read_finite_state(path, key)
    try:
        return multiclass_of(state, path), sha256
    except CheckpointError as error:
        raise type(error)(of_file(path, str(error))) from None


def _require_sizes(path: Path, module: Multiclass, given: str, counts: tuple[int, int]) -> None:
    if counts != sizes(module):
        n_features, n_classes = sizes(module)
        raise CardMismatch(
            f"{path}: the state has {n_features} features and {n_classes} classes; "
            f"{given} {counts[0]} and {counts[1]}"
        )


def _checked_card(
    path: Path,
    module: Multiclass,
    sha256: str,
    features: Sequence[Feature | dict[str, str | None]],
    classes: Sequence[str],
) -> Card:
    try:
        card = named_card(printable(path.stem)[:200], module, sha256, features, classes)
    except ValidationError as error:
        raise CardMismatch(f"{path}: {first_fault(error)}") from None
    _require_golden_prediction(path, module, card)
    return card


def _require_golden_prediction(path: Path, module: Multiclass, card: Card) -> None:
    try:
        Predictor(module, card, card.name).require_golden_prediction()
    except CardMismatch as error:
        raise CardMismatch(f"{path}: {error}") from None
