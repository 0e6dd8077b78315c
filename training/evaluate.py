"""Evaluate a trained module: accuracy, precision and recall by class, accuracy over seeds."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support
from torch import Tensor

from stateserve.model import ClassMetrics, Metrics, SeedMetrics
from stateserve.model.architectures import Multiclass
from training.data import Dataset
from training.fit import Fitted, Settings, fit


def predicted_classes(module: Multiclass, rows: Tensor) -> NDArray[np.int64]:
    """The most probable class index of each row, int64 (rows,)."""
    with torch.inference_mode():
        return module(rows).argmax(dim=1).numpy()  # type: ignore[no-any-return]


def evaluate(fitted: Fitted, dataset: Dataset, seeds: SeedMetrics | None) -> Metrics:
    split = fitted.split
    truth = split.test_labels.numpy()
    found = predicted_classes(fitted.module, split.test_rows)
    labels = range(len(dataset.classes))
    scores = precision_recall_fscore_support(truth, found, labels=labels, zero_division=np.nan)
    train_found = predicted_classes(fitted.module, split.train_rows)
    return Metrics(
        train_accuracy=float(accuracy_score(split.train_labels.numpy(), train_found)),
        test_accuracy=float(accuracy_score(truth, found)),
        test_loss=float(fitted.test_losses[-1]),
        per_class={
            name: ClassMetrics(
                precision=None if np.isnan(precision) else float(precision),
                recall=recall,
                support=int(support),
            )
            for name, precision, recall, _, support in zip(dataset.classes, *scores, strict=True)
        },
        seeds=seeds,
    )


def confusion(fitted: Fitted, n_classes: int) -> NDArray[np.int64]:
    """Counts (n_classes, n_classes) of test rows: by true class, then by predicted class."""
    found = predicted_classes(fitted.module, fitted.split.test_rows)
    truth = fitted.split.test_labels.numpy()
    return confusion_matrix(truth, found, labels=range(n_classes))  # type: ignore[no-any-return]


def evaluate_seeds(
    dataset: Dataset, settings: Settings, count: int, on_seed: Callable[[int], None]
) -> SeedMetrics:
    """Train from scratch with seeds 0 to count - 1, each with its own split."""
    accuracies = []
    for seed in range(count):
        fitted = fit(dataset, replace(settings, seed=seed))
        found = predicted_classes(fitted.module, fitted.split.test_rows)
        accuracies.append(accuracy_score(fitted.split.test_labels.numpy(), found))
        on_seed(seed)
    return SeedMetrics(
        count=count,
        mean_test_accuracy=float(np.mean(accuracies)),
        std_test_accuracy=float(np.std(accuracies)),
    )
