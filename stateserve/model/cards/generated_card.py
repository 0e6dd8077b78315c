"""Generate the card of a state without one, with neutral or given names."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from stateserve.errors import CardMismatch, StateMismatch
from stateserve.model.architectures.compiled import FloatArray
from stateserve.model.architectures.fit_hints import prefix_hint
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.architectures.state_keys import outline
from stateserve.model.architectures.user_class import ONNX_ALONE, ONNX_SUFFIX
from stateserve.model.arrays import TensorState
from stateserve.model.cards.tabular_card import MAX_FEATURES, Architecture, Card, Golden
from stateserve.model.feature import Feature
from stateserve.model.fields import MAX_CLASSES

GOLDEN_ROWS = 8


def multiclass_of(state: TensorState, path: Path) -> Multiclass:
    """Rebuild the module of the state at `path`, without a card. Raises StateMismatch."""
    try:
        return Multiclass.from_state(state)
    except StateMismatch as error:
        # The names of another network say nothing; those of a damaged Multiclass do.
        expected = Multiclass().state_dict()
        if hint := prefix_hint(expected, state, command=True):
            raise StateMismatch(hint) from None
        alike = state.keys() & expected.keys()
        reason = str(error) if alike else f"the state of another network: {outline(state)}"
        if path.suffix == ONNX_SUFFIX and not alike:
            raise StateMismatch(ONNX_ALONE) from None
        raise StateMismatch(f"{reason}; {_bring_code(path)}") from None


def _bring_code(path: Path) -> str:
    # Whole commands: not each command that reads a state takes code.
    state = shlex.quote(str(path))
    return (
        f"it needs its code: `stateserve serve --model {state} --code FILE.py:CLASS --example "
        f"x.npy` serves it, `stateserve pack FILE.py:CLASS {state} --example x.npy --output "
        "models/NAME/1` writes a model for serve and predict"
    )


def sizes(module: Multiclass) -> tuple[int, int]:
    """The numbers of features and classes of the module."""
    return module.hidden.in_features, module.output.out_features


def neutral_card(name: str, module: Multiclass, state_sha256: str) -> Card:
    """A card with `feature_0`, `class_0` and so on, and no golden prediction.

    Raises CardMismatch.
    """
    n_features, n_classes = sizes(module)
    for what, count, most in (
        ("features", n_features, MAX_FEATURES),
        ("classes", n_classes, MAX_CLASSES),
    ):
        if count > most:
            raise CardMismatch(f"the state has {count} {what}; at most {most} are served")
    return Card(
        name=name,
        architecture=_architecture(module),
        features=[Feature(name=f"feature_{index}") for index in range(n_features)],
        classes=[f"class_{index}" for index in range(n_classes)],
        state_sha256=state_sha256,
    )


def named_card(
    name: str,
    module: Multiclass,
    state_sha256: str,
    features: Sequence[Feature | dict[str, str | None]],
    classes: Sequence[str],
) -> Card:
    """A card with these names and the module's golden prediction.

    Raises pydantic's ValidationError.
    """
    content = {
        "name": name,
        "architecture": _architecture(module),
        "features": list(features),
        "classes": list(classes),
        "state_sha256": state_sha256,
    }
    card = Card.model_validate(content)
    rows, found = golden_prediction(module, card.features)
    golden = Golden(inputs=rows.tolist(), log_probabilities=found.tolist())
    return card.model_copy(update={"golden": golden})


def golden_prediction(
    module: Multiclass, features: Sequence[Feature]
) -> tuple[FloatArray, FloatArray]:
    """Random rows within the training ranges, or from -1 to 1, and the module's output for them."""
    ranges = [feature.range or (-1.0, 1.0) for feature in features]
    lowest, highest = np.array(ranges, np.float32).T
    shares = np.random.default_rng(0).random((GOLDEN_ROWS, len(features)), np.float32)
    rows = lowest + shares * (highest - lowest)
    with torch.inference_mode():
        return rows, module(torch.from_numpy(rows)).numpy()


def _architecture(module: Multiclass) -> Architecture:
    n_features, n_classes = sizes(module)
    return Architecture(
        n_features=n_features,
        n_hidden=module.hidden.out_features,
        n_classes=n_classes,
        batch_norm=isinstance(module.norm, nn.BatchNorm1d),
    )
