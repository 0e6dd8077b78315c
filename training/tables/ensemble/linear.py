"""Linear networks: ridge regression, and logistic regression with the same penalty."""

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression, Ridge

from training.tables.ensemble.layers import Layers
from training.tables.ensemble.members import Trained
from training.tables.ensemble.problem import PARTS, Problem
from training.tables.loop import Curves

PENALTIES = (1000.0, 100.0, 10.0, 1.0, 0.1, 0.01)
# A fit of more numbers (rows times inputs times classes) takes too long.
MOST_NUMBERS = 4_000_000
MOST_STEPS = 200
TOLERANCE = 1e-3


def fits_linear(problem: Problem, width: int) -> bool:
    return len(problem.targets) * width * problem.outputs <= MOST_NUMBERS


def fit_linear(problem: Problem, *, parts: bool) -> tuple[Trained, float]:
    """Choose the penalty by the held-out loss of PARTS fits, and fit it on all rows.

    Returns the penalty, too. `parts` says whether the parts of ranges are inputs.
    """
    width = problem.inputs.shape[1] if parts else problem.plain
    inputs = problem.inputs[:, :width].numpy().astype(np.float64)
    held_out = problem.held_out[:PARTS]
    found = []
    for penalty in PENALTIES:
        scores = []
        for mask in held_out:
            weight, bias = _fit(problem, inputs, ~mask.numpy(), penalty)
            scores.append(torch.from_numpy((inputs @ weight.T + bias).astype(np.float32)))
        mean = problem.held_out_scores(torch.stack(scores), held_out)
        found.append((problem.loss(mean), penalty, mean))
    _, penalty, scores_held_out = min(found, key=lambda each: each[0])
    weight, bias = _fit(problem, inputs, np.ones(len(inputs), np.bool_), penalty)
    layers = Layers.without_units(torch.from_numpy(weight).float(), torch.from_numpy(bias).float())
    return Trained(layers.widened(problem.inputs.shape[1]), scores_held_out, Curves()), penalty


def _fit(
    problem: Problem, inputs: np.ndarray, rows: np.ndarray, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """float64 weight (outputs, width) and bias (outputs,)."""
    targets = problem.targets.numpy()[rows]
    if problem.classes is None:
        ridge = Ridge(alpha=penalty).fit(inputs[rows], targets)
        return ridge.coef_[None], np.array([ridge.intercept_])
    weight = np.zeros((problem.classes, inputs.shape[1]))
    # A class without a row here is as likely as one of all rows.
    bias = np.full(problem.classes, -np.log(len(inputs)))
    known = np.unique(targets)
    if len(known) == 1:
        bias[known] = 0
        return weight, bias
    labels = None
    if problem.class_weights is not None:
        labels = dict(enumerate(problem.class_weights.tolist()))
    logistic = LogisticRegression(
        C=1 / penalty, class_weight=labels, max_iter=MOST_STEPS, tol=TOLERANCE
    ).fit(inputs[rows], targets)
    coefficients, intercept = logistic.coef_, logistic.intercept_
    if len(coefficients) == 1:
        # Of two classes, scikit-learn has the logit of the second.
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercept = np.concatenate([-intercept, intercept]) / 2
    weight[known], bias[known] = coefficients, intercept
    return weight, bias
