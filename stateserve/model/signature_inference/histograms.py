"""Histograms of training rows, for drift."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stateserve.model.feature import Feature
from stateserve.model.feature_histogram import FeatureHistogram

BINS = 10


def histograms(
    rows: NDArray[np.float32], features: Sequence[Feature] | None = None
) -> list[FeatureHistogram]:
    """One histogram for each column of float32 `rows`, NaN where a value is missing: over the
    deciles of a number, and over the codes of a boolean or a category, which `features` name."""
    codes = [each.codes for each in features] if features else [0] * rows.shape[1]
    return [_histogram(*each) for each in zip(rows.T, codes, strict=True)]


def _histogram(column: NDArray[np.float32], codes: int) -> FeatureHistogram:
    values = column[~np.isnan(column)]
    missing = len(column) - len(values)
    if codes:
        found = np.bincount(values.astype(np.int64), minlength=codes)
        return FeatureHistogram(counts=found.tolist(), missing=missing)
    if not len(values):
        return FeatureHistogram(edges=[0, 0], counts=[0], missing=missing)
    # Edges are observed values, not values between two, so float32 comparisons are exact.
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1), method="nearest"))
    if len(edges) == 1:
        edges = np.repeat(edges, 2)
    counts, _ = np.histogram(values, bins=edges)
    # The shortest text that reads back as the same float32: 5.1, not 5.099999904632568.
    shortest = [float(str(edge)) for edge in edges]
    return FeatureHistogram(edges=shortest, counts=counts.tolist(), missing=missing)
