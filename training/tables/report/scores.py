"""How good the answers for some rows are."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from training.tables.evaluate import ranking

# A probability of 0 for the true class would have no logarithm.
LEAST = 1e-7
# Of the normal distribution: 95 % are within so many standard deviations.
DEVIATIONS = 1.96


@dataclass(frozen=True)
class Scores:
    """`figures` by name, the most important one first; `each` float64 (rows,) are the parts of
    the rows in it: its mean is the figure."""

    name: str
    figures: dict[str, float]
    each: np.ndarray

    @property
    def figure(self) -> float:
        return float(self.each.mean())

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the figure, for other rows of the same kind."""
        count = len(self.each)
        if np.isin(self.each, (0, 1)).all():
            found = binomtest(int(self.each.sum()), count).proportion_ci(method="wilson")
            return float(found.low), float(found.high)
        reach = DEVIATIONS * float(self.each.std()) / np.sqrt(count)
        # No figure exceeds 1: not an R2, and not a balanced accuracy.
        return self.figure - reach, min(1.0, self.figure + reach)

    def differs_from(self, other: "Scores") -> bool:
        """Whether the difference of the figures on the same rows is more than chance."""
        gains = self.each - other.each
        reach = DEVIATIONS * float(gains.std()) / np.sqrt(len(gains))
        # On a few rows that all differ alike, the deviation is 0.
        return bool(abs(gains.mean()) > max(reach, DEVIATIONS / len(gains)))


def balanced(truth: np.ndarray) -> np.ndarray:
    """Weights float64 (rows,) with a mean of 1: each class has the same sum."""
    counts = np.bincount(truth)
    return np.asarray(len(truth) / (np.count_nonzero(counts) * counts[truth]))


def score_classes(name: str, logs: np.ndarray, truth: np.ndarray, *, balance: bool) -> Scores:
    """Scores of log-probabilities (rows, classes); with `balance`, each class counts the same."""
    right = (logs.argmax(axis=1) == truth).astype(np.float64)
    weights = balanced(truth)
    likelihood = logs[np.arange(len(truth)), truth].astype(np.float64)
    figures = {
        "accuracy": float(right.mean()),
        "balanced accuracy": float((weights * right).mean()),
        "log loss": float(-np.maximum(likelihood, np.log(LEAST)).mean()),
    }
    if ranks := ranking(logs, truth):
        figures["ROC AUC"] = ranks["roc_auc"]
        figures["average precision"] = ranks["average_precision"]
    if balance:
        figures = {"balanced accuracy": figures.pop("balanced accuracy")} | figures
    return Scores(name, figures, weights * right if balance else right)


def score_values(name: str, values: np.ndarray, truth: np.ndarray) -> Scores:
    """Scores of values (rows,)."""
    exact = truth.astype(np.float64)
    squares = (exact - values) ** 2
    spread = float(exact.var()) or 1.0
    figures = {
        "R2": 1 - float(squares.mean()) / spread,
        "root mean squared error": float(np.sqrt(squares.mean())),
        "mean absolute error": float(np.abs(exact - values).mean()),
    }
    return Scores(name, figures, 1 - squares / spread)
