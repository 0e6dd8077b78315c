"""The certainty of an answer: calibrated probabilities, and distance from the training rows."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from stateserve.model.architectures.product import Product, compile_product, sum_in_order
from stateserve.model.cards.training_data import Mahalanobis, TrainingRows

Float64Array = NDArray[np.float64]
# A row beyond this percentile of the training rows counts as out of distribution.
THRESHOLD_PERCENTILE = 99


def calibrate(log_probabilities: NDArray[np.floating], temperature: float) -> Float64Array:
    """Soften (temperature > 1) or sharpen (< 1) log-probabilities (rows, n_classes).

    Returns log_softmax(logits / temperature) as float64, of the same shape. Log-probabilities
    serve as logits, since the two differ by a constant in each row. The order of the classes
    stays. Source: Guo et al. 2017, arXiv:1706.04599.
    """
    # Always row-major, so that a row's sum is the same alone and in a batch.
    scaled = log_probabilities.astype(np.float64, order="C") / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    scaled -= np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return scaled


@dataclass(frozen=True)
class Novelty:
    """For each row, all (rows,): the distance to the nearest class mean, the share of training
    rows that are at most as far (0 to 1), and whether the row is out of distribution."""

    distances: Float64Array
    training_shares: Float64Array
    out_of_distribution: NDArray[np.bool_]


@dataclass(frozen=True)
class NoveltyDetector:
    """Mahalanobis distances of many rows at a time.

    Source: Lee et al. 2018, arXiv:1807.03888, here on the inputs themselves. `whitening`
    (n_features, n_features) turns the distance into a Euclidean one.
    """

    whitening: Float64Array
    centres: Float64Array
    percentiles: Float64Array
    # The distances of all training rows, ascending, if the card has all of them.
    training_distances: Float64Array | None = None

    @classmethod
    def from_card(cls, mahalanobis: Mahalanobis, kept: TrainingRows | None = None) -> Self:
        """Prepare the detector, once for each model."""
        values, vectors = np.linalg.eigh(np.array(mahalanobis.precision, dtype=np.float64))
        # Rounding can make an eigenvalue of 0 slightly negative.
        whitening = vectors * np.sqrt(np.maximum(values, 0))
        centres = np.array(mahalanobis.class_means, dtype=np.float64) @ whitening
        detector = cls(whitening, centres, np.array(mahalanobis.percentiles, dtype=np.float64))
        if kept is None or len(kept.rows) < kept.total:
            return detector
        distances = np.sort(detector.distances(np.array(kept.rows, np.float32)))
        return replace(detector, training_distances=distances)

    @cached_property
    def _whiten(self) -> Product:
        return compile_product(self.whitening.T)

    def judge(self, rows: NDArray[np.float32]) -> Novelty:
        """Judge float32 rows (rows, n_features)."""
        distances = self.distances(rows)
        shares = self._shares(distances)
        return Novelty(distances, shares, distances > self.percentiles[THRESHOLD_PERCENTILE])

    def _shares(self, distances: Float64Array) -> Float64Array:
        """The share of training rows at most as far; from percentiles, rounded down to 0.01."""
        known = self.training_distances
        if known is not None:
            return known.searchsorted(distances, side="right") / len(known)
        return np.maximum(self.percentiles.searchsorted(distances, side="right") - 1, 0) / 100

    def distances(self, rows: NDArray[np.float32]) -> Float64Array:
        """The distance (rows,) of each row to its nearest class mean."""
        white = self._whiten(rows.T.astype(np.float64))
        nearest = np.full(len(rows), np.inf)
        # Class by class: all at once would take memory for rows x classes x features.
        for centre in self.centres:
            difference = np.subtract(white, centre[:, np.newaxis], order="C")
            np.minimum(nearest, sum_in_order(difference * difference), out=nearest)
        return np.sqrt(nearest)  # type: ignore[no-any-return]
