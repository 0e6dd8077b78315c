"""Measures drift of each number between training and requests, by PSI and the KS statistic.

Both compare shares of the same bins, those of the training histogram in the model card.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from stateserve.model import FeatureHistogram
from stateserve.model.architectures import FloatArray

Shares = NDArray[np.float64]
Level = Literal["none", "moderate", "major"]
# The usual thresholds of the PSI (Siddiqi 2006, "Credit Risk Scorecards").
MODERATE, MAJOR = 0.1, 0.25
# With few rows the PSI is large by chance; then the test must agree.
SIGNIFICANCE = 0.01
# Replaces the share of an empty bin, whose logarithm would be infinite.
FLOOR = 1e-4


@dataclass(frozen=True)
class Drift:
    """One feature's values compared with its training histogram.

    `shares` (bins,), the shares `below` and `above` the outermost edges, and that of `missing`
    values sum to 1. `ks` is None for a category, or if all values are missing.
    """

    psi: float
    ks: float | None
    p_value: float
    level: Level
    shares: list[float]
    below: float
    above: float
    missing: float


def measure_drift(histogram: FeatureHistogram, values: FloatArray) -> Drift:
    """Compare float32 `values` (rows,), at least one, NaN where one is missing, with the training
    rows."""
    known = values[~np.isnan(values)]
    counts = np.array(histogram.counts, np.float64)
    trained = np.array([counts.sum(), histogram.missing])
    seen = np.array([len(known), len(values) - len(known)])
    inside = _shares(np.array(histogram.edges or (), np.float32), known)
    ks, p_value = None, 1.0
    if trained[0] and len(known):
        beyond = np.concatenate([[0.0], counts / trained[0], [0.0]])
        ks = float(np.abs(np.cumsum(inside) - np.cumsum(beyond)).max())
        p_value = ks_p_value(ks, int(trained[0]), len(known))
    if trained[1] or seen[1]:
        # Two tests: each has half of the significance.
        p_value = min(1.0, 2 * min(p_value, chi_square_p_value(trained, seen)))
    shares = inside * seen[0] / len(values)
    # For the PSI, values beyond the edges count in the outermost bins, as is usual.
    closed = shares[1:-1].copy()
    closed[0] += shares[0]
    closed[-1] += shares[-1]
    lost = trained[1] / trained.sum(), seen[1] / len(values)
    psi = population_stability_index(
        np.append(counts / trained.sum(), lost[0]), np.append(closed, lost[1])
    )
    below, *between, above = shares.tolist()
    return Drift(psi, ks, p_value, level_of(psi, p_value), between, below, above, float(lost[1]))


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


def chi_square_p_value(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """The probability that two samples of one distribution differ so much or more, by the
    chi-square test: (bins,) counts."""
    both = (first + second).astype(np.float64)
    used = both > 0
    freedom = int(used.sum()) - 1
    if freedom < 1 or not first.sum() or not second.sum():
        return 1.0
    ratio = sqrt(second.sum() / first.sum())
    off = (first * ratio - second / ratio)[used] ** 2 / both[used]
    tail = torch.special.gammaincc(*torch.tensor([freedom / 2, off.sum() / 2], dtype=torch.float64))
    return float(tail)


def _shares(edges: FloatArray, values: FloatArray) -> Shares:
    """Shares (bins + 2,): below the edges, in each bin, above the edges; 0 without values."""
    positions = np.searchsorted(edges, values, side="right")
    # As numpy.histogram: the last bin includes its right edge.
    positions[values == edges[-1]] = len(edges) - 1
    return np.bincount(positions, minlength=len(edges) + 1) / max(1, len(values))


def level_of(psi: float, p_value: float) -> Level:
    if psi < MODERATE or p_value >= SIGNIFICANCE:
        return "none"
    return "major" if psi >= MAJOR else "moderate"
