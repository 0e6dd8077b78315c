"""Figures of a trained network on its test rows."""

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.metrics import balanced_accuracy_score, recall_score

from stateserve.model.architectures import Tabular
from training.tables.fit import Fitted
from training.tables.loop import PASS_ROWS
from training.tables.table import Table


def evaluate(fitted: Fitted, table: Table) -> dict[str, float]:
    """Metrics by name, of the test rows unless the name says otherwise."""
    test, train = fitted.parts.test, fitted.parts.train
    found = outputs(fitted.module, table.rows[test])
    truth, known = table.target.values[test], table.target.values[train]
    if fitted.module.classes is None:
        return _of_values(found, truth, known)
    logs = found["log_probabilities"]
    labels = logs.argmax(axis=1)
    return {
        "test_accuracy": float((labels == truth).mean()),
        "test_loss": float(-logs[np.arange(len(truth)), truth].mean()),
        "test_balanced_accuracy": float(balanced_accuracy_score(truth, labels)),
        "test_share_of_the_most_frequent_class": float(
            (truth == np.bincount(known).argmax()).mean()
        ),
    }


def _of_values(
    found: dict[str, np.ndarray], truth: np.ndarray, known: np.ndarray
) -> dict[str, float]:
    off = truth.astype(np.float64) - found["value"]
    spread = float(((truth - truth.mean(dtype=np.float64)) ** 2).mean())
    low, high = found["interval"].T
    metrics = {
        "test_rmse": float(np.sqrt((off**2).mean())),
        "test_mae": float(np.abs(off).mean()),
        "test_rmse_of_the_mean": float(
            np.sqrt(((truth - known.mean(dtype=np.float64)) ** 2).mean())
        ),
        "test_share_in_the_interval": float(((truth >= low) & (truth <= high)).mean()),
    }
    return ({"test_r2": 1 - float((off**2).mean()) / spread} if spread > 0 else {}) | metrics


def recalls(fitted: Fitted, table: Table) -> Sequence[tuple[str, float, int]]:
    """Each class with its recall on the test rows, and how many of them it has."""
    truth = table.target.values[fitted.parts.test]
    found = outputs(fitted.module, table.rows[fitted.parts.test])["log_probabilities"]
    count = len(table.target.classes)
    labels = found.argmax(axis=1)
    scores = recall_score(truth, labels, labels=range(count), average=None, zero_division=np.nan)
    supports = np.bincount(truth, minlength=count).tolist()
    return list(zip(table.target.classes, scores.tolist(), supports, strict=True))


def outputs(module: Tabular, rows: np.ndarray) -> dict[str, np.ndarray]:
    """All outputs of the module by name, for float32 rows (rows, columns)."""
    parts: list[dict[str, np.ndarray]] = []
    for part in torch.split(torch.from_numpy(rows), PASS_ROWS):
        with torch.inference_mode():
            found = module(part)
        named = {"log_probabilities": found} if isinstance(found, torch.Tensor) else found
        parts.append({name: each.numpy() for name, each in named.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
