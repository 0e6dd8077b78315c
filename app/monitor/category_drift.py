"""Measures drift of a category or a boolean between training and requests: PSI, chi-square."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from app.monitor.drift import Drift, chi_square_p_value, level_of, population_stability_index
from stateserve.model import Feature, FeatureHistogram
from stateserve.model.architectures import FloatArray

# So many values have a bin of their own, those with the most training rows; the others share one.
MOST_BINS = 20
OTHERS = "other values"


@dataclass(frozen=True)
class CategoryBins:
    """`names` of the bins, and their training rows `trained` (bins,); `bin_of` (codes + 1,) has
    the bin of each code of the tensor, and last that of a missing value, -1 for one of its own."""

    names: list[str]
    trained: NDArray[np.int64]
    trained_missing: int
    bin_of: NDArray[np.int64]

    @classmethod
    def of(cls, feature: Feature, histogram: FeatureHistogram) -> Self:
        counts = np.array(histogram.counts, np.int64)
        names = feature.values or ["false", "true"]
        kept = np.sort(np.argsort(-counts[: len(names)], kind="stable")[:MOST_BINS])
        shown = [names[place] for place in kept.tolist()]
        bin_of = np.full(len(counts) + 1, len(shown), np.int64)
        bin_of[kept] = np.arange(len(shown))
        # The log has null for an unknown value, and for a missing one.
        bin_of[-1] = len(shown) if feature.other else -1
        if feature.other or len(shown) < len(names):
            shown.append(OTHERS)
        whole = np.append(counts, histogram.missing)
        trained = np.bincount(bin_of[bin_of >= 0], whole[bin_of >= 0], len(shown))
        missing = 0 if feature.other else histogram.missing
        return cls(shown, trained.astype(np.int64), missing, bin_of)


def measure_category_drift(bins: CategoryBins, codes: FloatArray) -> Drift:
    """Compare `codes` (rows,), at least one, NaN where one is missing, with the training rows."""
    last = len(bins.bin_of) - 1
    places = bins.bin_of[np.where(np.isnan(codes), last, codes).astype(np.int64)]
    places[places < 0] = len(bins.names)
    seen = np.bincount(places, minlength=len(bins.names) + 1)
    trained = np.append(bins.trained, bins.trained_missing)
    psi = population_stability_index(trained / trained.sum(), seen / len(codes))
    p_value = chi_square_p_value(trained, seen)
    *shares, missing = (seen / len(codes)).tolist()
    return Drift(psi, None, p_value, level_of(psi, p_value), shares, 0.0, 0.0, missing)
