"""The scores of a report are those of scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    log_loss,
    r2_score,
    roc_auc_score,
)

from training.tables.report.scores import score_classes, score_values

NUMBERS = st.floats(-100, 100, width=32)


@given(arrays(np.float64, (12, 3), elements=st.floats(-5, 5)), st.booleans())
def test_scores_of_classes(logits: np.ndarray, balance: bool) -> None:
    truth = np.arange(12) % 3
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    found = score_classes("x", logs, truth, balance=balance)
    wanted = {
        "accuracy": accuracy_score(truth, logs.argmax(axis=1)),
        "balanced accuracy": balanced_accuracy_score(truth, logs.argmax(axis=1)),
        "log loss": log_loss(truth, np.exp(logs)),
    }
    assert found.figures == pytest.approx(wanted)
    assert found.figure == pytest.approx(next(iter(found.figures.values())))
    low, high = found.interval
    assert low <= found.figure + 1e-9
    assert found.figure <= high + 1e-9


@given(st.integers(0, 99), st.integers(1, 19))
def test_two_classes_are_ranked_by_the_probability_of_the_rarer_one(seed: int, rare: int) -> None:
    random = np.random.default_rng(seed)
    probability, truth = random.random(40).round(1) / 2 + 0.2, np.arange(40) < rare
    logs = np.log(np.stack([1 - probability, probability], axis=1))
    for swapped in (False, True):
        given = (logs[:, ::-1], 1 - truth) if swapped else (logs, truth.astype(int))
        found = score_classes("x", *given, balance=False).figures
        assert found["ROC AUC"] == pytest.approx(roc_auc_score(truth, probability))
        wanted = average_precision_score(truth, probability)
        assert found["average precision"] == pytest.approx(wanted)
    assert "ROC AUC" not in score_classes("x", logs, np.zeros(40, int), balance=False).figures


@given(arrays(np.float64, 9, elements=NUMBERS), arrays(np.float64, 9, elements=NUMBERS))
def test_scores_of_values(values: np.ndarray, truth: np.ndarray) -> None:
    truth[0], truth[1] = 0, 1
    found = score_values("x", values, truth)
    assert found.figure == pytest.approx(r2_score(truth, values))
    assert found.figures["R2"] == pytest.approx(found.figure)
    assert found.figures["mean absolute error"] == pytest.approx(np.abs(values - truth).mean())
    assert not found.differs_from(found)
    assert found.interval[0] - 1e-9 <= found.figure <= found.interval[1] + 1e-9
    assert found.interval[1] <= 1
