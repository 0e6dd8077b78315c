"""How sure an answer is: calibrated probabilities, and how far a row is from the training rows."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from stateserve.model.architectures.product import Product, compile_product, sum_in_order
from stateserve.model.training_data import Mahalanobis, TrainingRows

Float64Array = NDArray[np.float64]
# A row beyond this percentile of the training rows counts as out of distribution.
THRESHOLD_PERCENTILE = 99


def calibrate(log_probabilities: NDArray[np.floating[Any]], temperature: float) -> Float64Array:
    """Soften (temperature > 1) or sharpen (< 1) log-probabilities (rows, n_classes).

    Returns log-probabilities, float64, of the same shape: log_softmax(logits / temperature),
    for which log-probabilities do as well as logits, as they differ by a constant a row.
    The order of the classes stays. Source: Guo et al. 2017, arXiv:1706.04599.
    """
    # Row-major, whatever is given: so a row's sum is the same alone and in a batch.
    scaled = log_probabilities.astype(np.float64, order="C") / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    scaled -= np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return scaled


@dataclass(frozen=True)
class Novelty:
    """Of each row, all (rows,): its distance to the nearest class mean, what share of the
    training rows is at most as far (0 to 1), and whether it is out of distribution."""

    distances: Float64Array
    training_shares: Float64Array
    out_of_distribution: NDArray[np.bool_]


@dataclass(frozen=True)
class NoveltyDetector:
    """Mahalanobis distances, ready to be taken many rows at a time.

    Source: Lee et al. 2018, arXiv:1807.03888, here on the inputs themselves. `whitening`
    (n_features, n_features) turns the distance into a Euclidean one.
    """

    whitening: Float64Array
    centres: Float64Array
    percentiles: Float64Array
    # Those of all training rows, ascending, where the card keeps all.
    training_distances: Float64Array | None = None

    @classmethod
    def from_card(cls, mahalanobis: Mahalanobis, kept: TrainingRows | None = None) -> Self:
        """Prepare once for each model."""
        values, vectors = np.linalg.eigh(np.array(mahalanobis.precision, dtype=np.float64))
        # Rounding can leave a small negative one in a matrix that has none.
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
        """The share of the training rows at most as far; by percentiles rounded down to 0.01."""
        known = self.training_distances
        if known is not None:
            return known.searchsorted(distances, side="right") / len(known)
        return np.maximum(self.percentiles.searchsorted(distances, side="right") - 1, 0) / 100

    def distances(self, rows: NDArray[np.float32]) -> Float64Array:
        """The distance (rows,) of each row to its nearest class mean."""
        white = self._whiten(rows.T.astype(np.float64))
        nearest = np.full(len(rows), np.inf)
        # Class by class: all at once would need memory for rows x classes x features.
        for centre in self.centres:
            difference = np.subtract(white, centre[:, np.newaxis], order="C")
            np.minimum(nearest, sum_in_order(difference * difference), out=nearest)
        return np.sqrt(nearest)  # type: ignore[no-any-return]
