"""Whether probabilities and intervals hold what they say."""

from dataclasses import dataclass

import numpy as np

from training.calibrate import expected_calibration_error
from training.tables.report.scores import balanced
from training.tables.report.tested import Tested

BINS = 10
PARTS = 5


@dataclass(frozen=True)
class Bin:
    """Rows whose answers are alike: what was `said` of them in the mean, and what was `found`."""

    rows: int
    said: float
    found: float


@dataclass(frozen=True)
class Reliability:
    """Rows by the probability of the predicted class, in ten equal parts from 0 to 1."""

    bins: list[Bin]
    error: float


def reliability(tested: Tested, *, balance: bool) -> Reliability:
    """With `balance`, each class counts the same: the probabilities are those of such classes."""
    logs = tested.answers.astype(np.float64)
    weights = balanced(tested.truth) if balance else np.ones(len(tested.truth))
    said = np.exp(logs.max(axis=1))
    right = logs.argmax(axis=1) == tested.truth
    place = np.clip(np.ceil(said * BINS) - 1, 0, BINS - 1)
    members = [place == index for index in range(BINS)]
    bins = [
        Bin(
            int(each.sum()),
            *(np.average(of, weights=weights[each]) for of in (said[each], right[each])),
        )
        for each in members
        if each.any()
    ]
    return Reliability(bins, expected_calibration_error(logs, tested.truth, weights))


@dataclass(frozen=True)
class Coverage:
    """Rows with values from `low` to `high`, and the share of them within their interval."""

    low: float
    high: float
    rows: int
    inside: float


def coverages(tested: Tested) -> list[Coverage]:
    """The rows in five parts, by the predicted value; all rows first."""
    if tested.interval is None:
        return []
    low, high = tested.interval.T
    inside = (tested.truth >= low) & (tested.truth <= high)
    order = np.argsort(tested.answers, kind="stable")
    parts = np.array_split(order, PARTS) if len(order) >= 10 * PARTS else []
    return [
        Coverage(
            float(tested.answers[part].min()),
            float(tested.answers[part].max()),
            len(part),
            float(inside[part].mean()),
        )
        for part in [order, *parts]
    ]
