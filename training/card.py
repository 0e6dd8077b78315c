"""Build the model card of a training run."""

import platform
from importlib.metadata import version

import numpy as np
import torch

from stateserve.checkpoint import state_sha256
from stateserve.model import (
    Architecture,
    Calibration,
    Card,
    Feature,
    Golden,
    Hyperparameters,
    Metrics,
    Split,
    histograms,
)
from training.data import Dataset
from training.fit import Fitted, Settings
from training.reference import keep_rows, mahalanobis, scales, shortest

GOLDEN_ROWS = 3


def make_card(
    dataset: Dataset,
    settings: Settings,
    fitted: Fitted,
    metrics: Metrics,
    calibration: Calibration | None,
) -> Card:
    split, module = fitted.split, fitted.module
    rows, labels = split.train_rows.numpy(), split.train_labels.numpy()
    return Card(
        name=dataset.name,
        dataset=dataset.source,
        architecture=Architecture(
            n_features=len(dataset.feature_names),
            n_hidden=settings.hidden,
            n_classes=len(dataset.classes),
            batch_norm=settings.batch_norm,
        ),
        features=_features(dataset, fitted),
        classes=dataset.classes,
        hyperparameters=Hyperparameters(
            seed=settings.seed,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
        ),
        split=Split(
            train_rows=len(split.train_rows),
            test_rows=len(split.test_rows),
            test_size=settings.test_size,
        ),
        metrics=metrics,
        libraries={"python": platform.python_version()}
        | {name: version(name) for name in ("torch", "numpy", "scikit-learn")},
        state_sha256=state_sha256(module.state_dict()),
        golden=_golden(fitted),
        calibration=calibration,
        baseline=shortest(rows.mean(axis=0)),
        mahalanobis=mahalanobis(rows, labels, len(dataset.classes)),
        histograms=histograms(rows),
        training_rows=keep_rows(rows, labels),
    )


def _golden(fitted: Fitted) -> Golden:
    inputs = fitted.split.train_rows[:GOLDEN_ROWS]
    with torch.inference_mode():
        outputs = fitted.module(inputs)
    return Golden(inputs=inputs.tolist(), log_probabilities=outputs.tolist())


def _features(dataset: Dataset, fitted: Fitted) -> list[Feature]:
    rows = fitted.split.train_rows.numpy()
    lowest, highest, example = map(
        shortest, (rows.min(axis=0), rows.max(axis=0), _middle_row(rows))
    )
    whole = (rows == np.floor(rows)).all(axis=0).tolist()
    columns = zip(
        dataset.feature_names, dataset.units, lowest, highest, example, whole, strict=True
    )
    return [
        Feature(name=name, unit=unit, minimum=low, maximum=high, example=middle, whole=is_whole)
        for name, unit, low, high, middle, is_whole in columns
    ]


def _middle_row(rows: np.ndarray) -> np.ndarray:
    """The training row nearest to the middle of the ranges, as an example."""
    distances = np.abs((rows - np.median(rows, axis=0)) / scales(rows)).sum(axis=1)
    return rows[distances.argmin()]  # type: ignore[no-any-return]
