"""Figures of a trained network on its test rows."""

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.metrics import average_precision_score, recall_score, roc_auc_score

from stateserve.model.architectures import TableModule
from training.tables.fit import Fitted
from training.tables.loop import PASS_ROWS
from training.tables.table import Table

# With a larger share of the most frequent class, the accuracy says little of the others.
UNEVEN = 0.7
# Of more classes, the shares are not listed.
MOST_SHARES = 20


def evaluate(fitted: Fitted, table: Table) -> dict[str, float]:
    """Metrics by name, of the test rows unless the name says otherwise."""
    test, train = fitted.parts.test, fitted.parts.train
    found = outputs(fitted.module, table.rows[test])
    truth, known = table.target.values[test], table.target.values[train]
    if not fitted.module.is_classifier:
        return _of_values(found, truth, known)
    logs = found["log_probabilities"]
    labels = logs.argmax(axis=1)
    return {
        "test_accuracy": float((labels == truth).mean()),
        "test_loss": float(-logs[np.arange(len(truth)), truth].mean()),
        "test_balanced_accuracy": float(
            recall_score(truth, labels, labels=np.unique(truth), average="macro")
        ),
        "test_share_of_the_most_frequent_class": float(
            (truth == np.bincount(known).argmax()).mean()
        ),
        **{f"test_{name}": figure for name, figure in ranking(logs, truth).items()},
    }


def rarer_class(truth: np.ndarray) -> int:
    """Of two classes, the index of that with fewer rows; `truth` int64 (rows,)."""
    return int(np.bincount(truth, minlength=2).argmin())


def ranking(logs: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """How well log-probabilities (rows, 2) put the rows of the rarer class before the others; no
    figure of more classes, or of rows of one class only."""
    if logs.shape[1] != 2 or len(np.unique(truth)) < 2:
        return {}
    rare = rarer_class(truth)
    is_rare, score = truth == rare, logs[:, rare] - logs[:, 1 - rare]
    return {
        "roc_auc": float(roc_auc_score(is_rare, score)),
        "average_precision": float(average_precision_score(is_rare, score)),
    }


def cautions(
    fitted: Fitted, table: Table, metrics: dict[str, float], *, balance: bool
) -> list[str]:
    """What a reader of the accuracy and of the probabilities has to know."""
    if "test_accuracy" not in metrics:
        return []
    if balance:
        return [_about_balance(table.target.classes, table.target.values[fitted.parts.train])]
    share = metrics["test_share_of_the_most_frequent_class"]
    if metrics["test_accuracy"] > share:
        return []
    hint = "; --balance finds more rows of the other classes" if share > UNEVEN else ""
    return [f"The accuracy is not above that of always the most frequent class{hint}."]


def _about_balance(classes: list[str], known: np.ndarray) -> str:
    """What the probabilities mean, and how to get those of the training rows (rows,)."""
    shares = np.bincount(known, minlength=len(classes)) / len(known)
    listed = ", ".join(f"{name} {share:.4g}" for name, share in zip(classes, shares, strict=True))
    which = f" ({listed})" if len(classes) <= MOST_SHARES else ""
    return (
        "Trained with --balance: the probabilities are those of classes of the same size. For "
        "those of the data, multiply each by the share of its class among the training rows"
        f"{which}, and divide by their sum."
    )


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


def outputs(module: TableModule, rows: np.ndarray) -> dict[str, np.ndarray]:
    """All outputs of the module by name, for float32 rows (rows, columns)."""
    parts: list[dict[str, np.ndarray]] = []
    for part in torch.split(torch.from_numpy(rows), PASS_ROWS):
        with torch.inference_mode():
            found = module(part)
        named = {"log_probabilities": found} if isinstance(found, torch.Tensor) else found
        parts.append({name: each.numpy() for name, each in named.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
