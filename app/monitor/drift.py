"""Measures drift of each feature between training and requests, by PSI and the KS statistic.

Both compare shares of the same bins, those of the training histogram in the model card.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stateserve.model import FeatureHistogram
from stateserve.model.architectures import FloatArray

Shares = NDArray[np.float64]
Level = Literal["none", "moderate", "major"]
# The usual thresholds of the PSI (Siddiqi 2006, "Credit Risk Scorecards").
MODERATE, MAJOR = 0.1, 0.25
# With few rows the PSI is large by chance; then the KS test must agree.
SIGNIFICANCE = 0.01
# Replaces the share of an empty bin, whose logarithm would be infinite.
FLOOR = 1e-4


@dataclass(frozen=True)
class Drift:
    """One feature's values compared with its training histogram.

    `shares` (bins,) and the shares `below` and `above` the outermost edges sum to 1.
    """

    psi: float
    ks: float
    p_value: float
    level: Level
    shares: list[float]
    below: float
    above: float


def measure_drift(histogram: FeatureHistogram, values: FloatArray) -> Drift:
    """Compare float32 `values` (rows,), at least one, with the training rows."""
    trained = np.array(histogram.counts, np.float64)
    rows = int(trained.sum())
    shares = _shares(np.array(histogram.edges, np.float32), values)
    # For the PSI, values beyond the edges count in the outermost bins, as is usual.
    closed = shares[1:-1].copy()
    closed[0] += shares[0]
    closed[-1] += shares[-1]
    psi = population_stability_index(trained / rows, closed)
    beyond = np.concatenate([[0.0], trained / rows, [0.0]])
    ks = float(np.abs(np.cumsum(shares) - np.cumsum(beyond)).max())
    p_value = ks_p_value(ks, rows, len(values))
    below, *inside, above = shares.tolist()
    return Drift(psi, ks, p_value, _level(psi, p_value), inside, below, above)


def population_stability_index(expected: Shares, actual: Shares) -> float:
    """The sum over bins of (actual - expected) ln(actual / expected), shares at least FLOOR."""
    expected, actual = np.maximum(expected, FLOOR), np.maximum(actual, FLOOR)
    return float(((actual - expected) * np.log(actual / expected)).sum())


def ks_p_value(statistic: float, first: int, second: int) -> float:
    """The probability that two samples of one distribution differ by `statistic` or more.

    `first` and `second` are the sample sizes. Kolmogorov's limit for large samples; an upper
    bound for binned values. Source: Smirnov 1948, "Table for estimating the goodness of fit".
    """
    x = statistic * np.sqrt(first * second / (first + second))
    if x < 0.2:
        # The value is at least 1 - 5e-13, and the series below converges slowly.
        return 1.0
    k = np.arange(1, 101)
    signs = np.where(k % 2, 2.0, -2.0)
    return float(np.clip((signs * np.exp(-2 * (k * x) ** 2)).sum(), 0, 1))


def _shares(edges: FloatArray, values: FloatArray) -> Shares:
    """Shares (bins + 2,): below the edges, in each bin, above the edges."""
    positions = np.searchsorted(edges, values, side="right")
    # As numpy.histogram: the last bin includes its right edge.
    positions[values == edges[-1]] = len(edges) - 1
    return np.bincount(positions, minlength=len(edges) + 1) / len(values)


def _level(psi: float, p_value: float) -> Level:
    if psi < MODERATE or p_value >= SIGNIFICANCE:
        return "none"
    return "major" if psi >= MAJOR else "moderate"
