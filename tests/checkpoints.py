"""Checkpoints of random modules, with a true card."""

from pathlib import Path

import torch

from stateserve.checkpoint.state_hash import state_sha256
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.cards.tabular_card import Architecture, Card, Golden
from stateserve.model.cards.training_record import ClassMetrics, Hyperparameters, Metrics, Split
from stateserve.model.checkpoint import save_checkpoint
from stateserve.model.feature import Feature
from tests.networks import seeded


def make_card(module: Multiclass, **changes: object) -> Card:
    """A true card for any module in evaluation mode; `changes` make it untrue."""
    n_features, n_classes = module.hidden.in_features, module.output.out_features
    inputs = torch.linspace(-1, 1, n_features).reshape(1, -1)
    with torch.inference_mode():
        golden = module(inputs)
    scores = ClassMetrics(precision=1, recall=1, support=1)
    classes = [f"class-{index}" for index in range(n_classes)]
    card = Card(
        name="made",
        dataset="made",
        architecture=Architecture(
            n_features=n_features, n_hidden=module.hidden.out_features, n_classes=n_classes
        ),
        features=[
            Feature(name=f"x{index}", minimum=-1, maximum=1, example=0)
            for index in range(n_features)
        ],
        classes=classes,
        hyperparameters=Hyperparameters(seed=0, epochs=1, batch_size=1, learning_rate=0.1),
        split=Split(train_rows=2, test_rows=1, test_size=0.3),
        metrics=Metrics(
            train_accuracy=1,
            test_accuracy=1,
            test_loss=0,
            per_class=dict.fromkeys(classes, scores),
        ),
        libraries={},
        state_sha256=state_sha256(module.state_dict()),
        golden=Golden(inputs=inputs.tolist(), log_probabilities=golden.tolist()),
    )
    return card.model_copy(update=changes)


def save_model(path: Path, seed: int = 0) -> Path:
    """Write a checkpoint of the module that `seed` makes, and its card."""
    module = seeded(seed)
    save_checkpoint(module.state_dict(), make_card(module), path)
    return path
