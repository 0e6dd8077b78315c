"""Two usual models, and the simplest possible one, on the same columns and rows."""

import warnings

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

from training.tables.columns_layer import make_columns
from training.tables.report.scores import LEAST, Scores, score_classes, score_values
from training.tables.report.tested import Tested
from training.tables.table import Table

# The baselines of a larger table are trained on a sample: they take seconds, not minutes.
MOST_ROWS = 10_000
MOST_NUMBERS = 2_000_000
TREES = 100
MOST_STEPS = 300


class Baselines:
    """Models of scikit-learn; `rows` is the number of training rows that they see."""

    def __init__(self, table: Table, train: np.ndarray, seed: int, *, balance: bool) -> None:
        self._columns = make_columns(table.rows[train], table.features, parts=False)
        cost = self._columns.width * max(1, len(table.target.classes) // 10)
        self.rows = min(len(train), MOST_ROWS, max(100, MOST_NUMBERS // max(cost, 1)))
        chosen = np.random.default_rng(seed).permutation(train)[: self.rows]
        self._inputs = self._encode(table.rows[chosen])
        self._targets = table.target.values[chosen]
        self._all_targets = table.target.values[train]
        self._seed, self._balance = seed, balance

    def _encode(self, rows: np.ndarray) -> np.ndarray:
        """float32 (rows, width): scaled numbers, and an input for each value of a category."""
        found: torch.Tensor = self._columns(torch.from_numpy(rows))
        return found.numpy()

    def scores(self, tested: Tested) -> list[Scores]:
        """Of a linear model, a random forest, and the most frequent class or the mean."""
        inputs = self._encode(tested.rows)
        if not tested.classes:
            return self._of_values(inputs, tested.truth)
        return self._of_classes(inputs, tested)

    def _of_classes(self, inputs: np.ndarray, tested: Tested) -> list[Scores]:
        weight = "balanced" if self._balance else None
        count = len(tested.classes)
        shares = np.bincount(self._all_targets, minlength=count) / len(self._all_targets)
        answers = {
            "logistic regression": self._probabilities(
                LogisticRegression(max_iter=MOST_STEPS, class_weight=weight), inputs, count
            ),
            "random forest": self._probabilities(
                RandomForestClassifier(
                    TREES, class_weight=weight, random_state=self._seed, n_jobs=-1
                ),
                inputs,
                count,
            ),
            "always the most frequent class": np.tile(shares, (len(inputs), 1)),
        }
        return [
            score_classes(
                name, np.log(np.maximum(found, LEAST)), tested.truth, balance=self._balance
            )
            for name, found in answers.items()
        ]

    def _probabilities(
        self, model: LogisticRegression | RandomForestClassifier, inputs: np.ndarray, count: int
    ) -> np.ndarray:
        """Probabilities (rows, classes); a class that the sample lacks has 0."""
        # Threads of BLAS wait for each other longer than such small products take.
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(self._inputs, self._targets)
        found = np.zeros((len(inputs), count))
        found[:, model.classes_] = model.predict_proba(inputs)
        return found

    def _of_values(self, inputs: np.ndarray, truth: np.ndarray) -> list[Scores]:
        forest = RandomForestRegressor(
            TREES, max_features=1 / 3, random_state=self._seed, n_jobs=-1
        )
        mean = np.full(len(inputs), self._all_targets.mean(dtype=np.float64))
        answers = {
            "ridge regression": Ridge().fit(self._inputs, self._targets).predict(inputs),
            "random forest": forest.fit(self._inputs, self._targets).predict(inputs),
            "always the mean": mean,
        }
        return [score_values(name, found, truth) for name, found in answers.items()]
