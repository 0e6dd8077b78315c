"""Temperature scaling: one number that calibrates the probabilities.

A temperature has to be fitted on rows that the module was not trained on. The test rows are not
suitable: then they could not measure the result, and on iris all of them are classified
correctly, so the likelihood only grows as the temperature falls to 0. So it is fitted by
cross-validation on the training rows: for each fold, a module trained with the same settings on
the other folds predicts the fold. These modules are trained on fewer rows than the served one.
The effect is measured on the test rows, which had no part in it; on iris they are few.

Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv:1706.04599.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.model_selection import StratifiedKFold

from stateserve.model import Bootstrap, Calibration, Reliability, certainty
from training.data import Dataset
from training.fit import Fitted, Settings, Split, fit_split

FOLDS = 5
BINS = 15
# If every held-out row is correct, no temperature is too low: this is the limit.
LOWEST, HIGHEST = 0.05, 20.0
BOOTSTRAP = Bootstrap()

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def calibrate(
    fitted: Fitted,
    dataset: Dataset,
    settings: Settings,
    on_fold: Callable[[int], None] | None = None,
) -> Calibration | None:
    """Fit a temperature; None if a class has fewer than two training rows to split."""
    split = fitted.split
    folds = min(FOLDS, int(split.train_labels.bincount().min()))
    if folds < 2:
        return None
    held_out = _cross_validate(split, len(dataset.classes), settings, folds, on_fold)
    temperature = fit_temperature(held_out, split.train_labels.numpy())
    with torch.inference_mode():
        found = fitted.module(split.test_rows).numpy().astype(np.float64)
    truth = split.test_labels.numpy()
    return Calibration(
        temperature=temperature,
        fitted_on=f"{folds}-fold cross-validation on the training rows",
        fitted_rows=len(held_out),
        measured_on="test rows",
        measured_rows=len(truth),
        bins=BINS,
        before=reliability(found, truth),
        after=reliability(certainty.calibrate(found, temperature), truth),
        bootstrap=BOOTSTRAP,
    )


def _cross_validate(
    split: Split,
    n_classes: int,
    settings: Settings,
    folds: int,
    on_fold: Callable[[int], None] | None,
) -> FloatArray:
    """Log-probabilities (train_rows, n_classes) of each row by a module not trained on it."""
    rows, labels = split.train_rows, split.train_labels
    found = np.zeros((len(rows), n_classes))
    chooser = StratifiedKFold(folds, shuffle=True, random_state=settings.seed)
    for fold, (others, fold_rows) in enumerate(chooser.split(rows, labels)):
        part = Split(rows[others], labels[others], rows[fold_rows], labels[fold_rows])
        module = fit_split(part, n_classes, settings).module
        with torch.inference_mode():
            found[fold_rows] = module(part.test_rows).numpy()
        if on_fold:
            on_fold(fold)
    return found


def fit_temperature(
    log_probabilities: FloatArray, labels: IntArray, weights: FloatArray | None = None
) -> float:
    """The temperature from LOWEST to HIGHEST with the least mean negative log-likelihood;
    `weights` (rows,) are those of the rows."""

    def loss(log_temperature: float) -> float:
        scaled = certainty.calibrate(log_probabilities, float(np.exp(log_temperature)))
        return _negative_log_likelihood(scaled, labels, weights)

    # Convex in 1 / temperature, so there is one minimum in its logarithm, too.
    bounds = (np.log(LOWEST), np.log(HIGHEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def reliability(log_probabilities: FloatArray, labels: IntArray) -> Reliability:
    return Reliability(
        negative_log_likelihood=_negative_log_likelihood(log_probabilities, labels),
        expected_calibration_error=expected_calibration_error(log_probabilities, labels),
        expected_calibration_error_interval=error_interval(log_probabilities, labels),
    )


def _negative_log_likelihood(
    log_probabilities: FloatArray, labels: IntArray, weights: FloatArray | None = None
) -> float:
    return float(-np.average(log_probabilities[np.arange(len(labels)), labels], weights=weights))


def expected_calibration_error(
    log_probabilities: FloatArray, labels: IntArray, weights: FloatArray | None = None
) -> float:
    """The mean gap between confidence and accuracy over BINS equal bins of confidence.

    Each bin weighs as many rows as it holds, or the sum of their `weights` (rows,), whose mean
    is 1. A confidence on an edge is in the lower bin.
    """
    bins, gaps = _binned(log_probabilities, labels)
    return _mean_gap(bins, gaps if weights is None else gaps * weights)


def error_interval(log_probabilities: FloatArray, labels: IntArray) -> list[float]:
    """[low, high] of the expected calibration error, by BOOTSTRAP over the rows."""
    bins, gaps = _binned(log_probabilities, labels)
    generator = np.random.default_rng(BOOTSTRAP.seed)
    errors = np.empty(BOOTSTRAP.resamples)
    # One resample at a time: each is a copy of the rows.
    for place in range(BOOTSTRAP.resamples):
        drawn = generator.integers(len(labels), size=len(labels))
        errors[place] = _mean_gap(bins[drawn], gaps[drawn])
    tail = (1 - BOOTSTRAP.level) / 2
    return np.quantile(errors, [tail, 1 - tail]).tolist()  # type: ignore[no-any-return]


def _binned(log_probabilities: FloatArray, labels: IntArray) -> tuple[IntArray, FloatArray]:
    """The bin of each row (rows,), and its correctness (1 or 0) minus its confidence."""
    confidence = np.exp(log_probabilities.max(axis=1))
    right = log_probabilities.argmax(axis=1) == labels
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    return bins, right - confidence


def _mean_gap(bins: IntArray, gaps: FloatArray) -> float:
    # Rounding can make a confidence slightly more than 1.
    total = np.abs(np.bincount(bins, weights=gaps, minlength=BINS)).sum()
    return min(1.0, float(total / len(bins)))
