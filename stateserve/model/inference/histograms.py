"""Histograms of training rows, for drift."""

import numpy as np
from numpy.typing import NDArray

from stateserve.model.training_data import FeatureHistogram

BINS = 10


def histograms(rows: NDArray[np.float32]) -> list[FeatureHistogram]:
    """One histogram for each column of float32 `rows`, over its deciles."""
    return [_histogram(column) for column in rows.T]


def _histogram(values: NDArray[np.float32]) -> FeatureHistogram:
    # Edges are observed values, not values between two, so float32 comparisons are exact.
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1), method="nearest"))
    if len(edges) == 1:
        edges = np.repeat(edges, 2)
    counts, _ = np.histogram(values, bins=edges)
    # The shortest text that reads back as the same float32: 5.1, not 5.099999904632568.
    shortest = [float(str(edge)) for edge in edges]
    return FeatureHistogram(edges=shortest, counts=counts.tolist())
