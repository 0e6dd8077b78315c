"""How far true values are from predicted ones, by the predicted value: from held-out rows.

A scale, linear between knots, has the greatest likelihood if the residuals have a Laplace
distribution; the quantiles of the residuals divided by the scale of other rows are those of
conformal prediction. Source: Lei et al. 2018, "Distribution-Free Predictive Inference for
Regression", section 5.2.
"""

import numpy as np
import torch
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from stateserve.model.architectures import Interval

# The interval of a value holds so many of the rows.
LEVEL = 0.9
# Knots are at these shares of the predicted values, denser at the ends: there are outliers.
SHARES = (0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98, 1)
# Between two knots are so many rows. Fewer than FEW_ROWS have one knot.
LEAST_ROWS, FEW_ROWS = 15, 40
# The scale of so many parts of the rows is fitted on the others.
FOLDS = 5
# The logarithm of the scale, in parts of the mean residual, is within this of 0.
MOST_LOG = 4.0
TOLERANCE = 1e-5
# The quantiles at a knot are of this share of the rows on each side, and of so many at least, drawn
# to those of all rows as if it had PULL of them.
SHARE, LEAST_NEAR, PULL = 0.05, 40, 100


def fit_interval(predicted: np.ndarray, targets: np.ndarray, known: np.ndarray) -> Interval:
    """The interval of values, for held-out rows: `predicted` and `targets` (rows,).

    Where none of the `known` targets (training rows,) is negative, no interval is outside of their
    range.
    """
    limits = [] if known.min() < 0 else [known.min(), known.max()]
    predicted = np.asarray(predicted, np.float64)
    if limits:
        predicted = np.maximum(predicted, limits[0])
    residuals = targets - predicted
    knots = _knots(predicted)
    ends = _ends(predicted, residuals, knots)
    found = Interval(len(knots), len(limits))
    found.predicted.copy_(torch.from_numpy(knots))
    found.residuals.copy_(torch.from_numpy(ends))
    found.limits.copy_(torch.tensor(limits))
    return found


def _knots(predicted: np.ndarray) -> np.ndarray:
    """Predicted values, ascending also as float32: one, if there are too few."""
    ordered = np.sort(predicted).astype(np.float32).astype(np.float64)
    last = len(ordered) - 1
    kept = [0]
    for place in np.rint(np.array(SHARES) * last).astype(int):
        if place - kept[-1] >= LEAST_ROWS and last - place >= LEAST_ROWS:
            kept.append(place)
    return np.unique(ordered[[*kept, last]]) if last + 1 >= FEW_ROWS else ordered[:1]


def _ends(predicted: np.ndarray, residuals: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Float64 (knots, 2): how far below and above a value the true ones are."""
    mean = np.abs(residuals).mean()
    if len(knots) == 1 or mean == 0:
        return np.tile(_quantiles(residuals), (len(knots), 1))
    others = np.empty(len(predicted))
    part = np.random.default_rng(0).permutation(len(predicted)) % FOLDS
    # The threads of BLAS would only wait for each other at so few numbers.
    with threadpool_limits(1):
        scale = _scale(predicted, residuals / mean, knots, np.ones(len(knots)))
        for held_out in (part == index for index in range(FOLDS)):
            fitted = _scale(predicted[~held_out], residuals[~held_out] / mean, knots, scale)
            others[held_out] = np.interp(predicted[held_out], knots, fitted)
    order = np.argsort(predicted, kind="stable")
    ordered, relative = predicted[order], (residuals / others)[order]
    of_all = _quantiles(relative)
    near = max(int(SHARE * len(ordered)), LEAST_NEAR)
    ends = []
    for place in np.searchsorted(ordered, knots):
        rows = relative[max(0, place - near) : place + near]
        share = len(rows) / (len(rows) + PULL)
        ends.append(share * _quantiles(rows) + (1 - share) * of_all)
    return np.asarray(np.stack(ends) * scale[:, None])


def _scale(
    predicted: np.ndarray, residuals: np.ndarray, knots: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """Float64 (knots,): the scale at each knot, drawn to that of its neighbours; `start` is near
    it. `residuals` have a mean size near 1."""
    left = np.clip(np.searchsorted(knots, predicted, side="right") - 1, 0, len(knots) - 2)
    right = left + 1
    share = np.clip((predicted - knots[left]) / (knots[right] - knots[left]), 0, 1)
    sizes, count = np.abs(residuals), len(knots)

    def loss(logs: np.ndarray) -> tuple[float, np.ndarray]:
        at = np.exp(logs)
        scales = (1 - share) * at[left] + share * at[right]
        steps = np.diff(logs)
        slopes = 1 / scales - sizes / scales**2
        gradient = np.bincount(left, slopes * (1 - share), count)
        gradient = (gradient + np.bincount(right, slopes * share, count)) * at
        gradient[1:] += 2 * steps
        gradient[:-1] -= 2 * steps
        return float((np.log(scales) + sizes / scales).sum() + (steps**2).sum()), gradient

    bounds = [(-MOST_LOG, MOST_LOG)] * count
    settings = {"ftol": TOLERANCE}
    found = minimize(
        loss, np.log(start), jac=True, bounds=bounds, method="L-BFGS-B", options=settings
    )
    return np.asarray(np.exp(found.x))


def _quantiles(residuals: np.ndarray) -> np.ndarray:
    """Float64 (2,): the ends that hold LEVEL of other rows, and 0; of few, the outermost."""
    count = len(residuals)
    low = max(0, int(np.floor((count + 1) * (1 - LEVEL) / 2)) - 1)
    first, last = np.sort(residuals)[[low, count - 1 - low]]
    return np.array([min(first, 0.0), max(last, 0.0)])
