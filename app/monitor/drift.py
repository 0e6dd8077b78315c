"""Whether what is asked still looks like what was learnt: two measures for each feature.

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
# The usual reading of the index (Siddiqi 2006, "Credit Risk Scorecards").
MODERATE, MAJOR = 0.1, 0.25
# Of few rows the index is large by chance alone; then the other measure has to agree.
SIGNIFICANCE = 0.01
# Stands for the share of an empty bin, whose logarithm would be infinite.
FLOOR = 1e-4


@dataclass(frozen=True)
class Drift:
    """One feature's values against its training histogram.

    `shares` (bins,) with `below` and `above` the outermost edges sum to 1.
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
    # What lies beyond the edges is in the outermost bins for the index, as is usual.
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
    """The sum over bins of (actual - expected) ln(actual / expected); empty ones count FLOOR."""
    expected, actual = np.maximum(expected, FLOOR), np.maximum(actual, FLOOR)
    return float(((actual - expected) * np.log(actual / expected)).sum())


def ks_p_value(statistic: float, first: int, second: int) -> float:
    """How often samples of these sizes from one distribution differ by `statistic` or more.

    Kolmogorov's limit, which holds for large samples; of values in bins, too, it is at most
    that often. Source: Smirnov 1948, "Table for estimating the goodness of fit".
    """
    x = statistic * np.sqrt(first * second / (first + second))
    if x < 0.2:
        # There 1 - 5e-13, and the series below converges slowly.
        return 1.0
    k = np.arange(1, 101)
    signs = np.where(k % 2, 2.0, -2.0)
    return float(np.clip((signs * np.exp(-2 * (k * x) ** 2)).sum(), 0, 1))


def _shares(edges: FloatArray, values: FloatArray) -> Shares:
    """(bins + 2,): below the edges, in each bin, above the edges."""
    positions = np.searchsorted(edges, values, side="right")
    # As numpy.histogram: the last bin includes its right edge.
    positions[values == edges[-1]] = len(edges) - 1
    return np.bincount(positions, minlength=len(edges) + 1) / len(values)


def _level(psi: float, p_value: float) -> Level:
    if psi < MODERATE or p_value >= SIGNIFICANCE:
        return "none"
    return "major" if psi >= MAJOR else "moderate"
