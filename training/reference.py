"""Compute the card's reference data, as stateserve/model/cards/training_data.py defines it."""

import numpy as np
from numpy.typing import NDArray

from stateserve.model import Mahalanobis, NoveltyDetector, TrainingRows

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
# A card has up to so many training rows, or, if they are narrow, up to so many numbers.
MAX_ROWS = 500
MAX_NUMBERS = 40_000
# Relative to the training range: the least standard deviation in any direction, so that the
# covariance stays invertible with a constant or copied feature.
NARROWEST = 1e-3


def shortest(values: FloatArray) -> list[float]:
    """float32 values as their shortest text: 5.1, not 5.099999904632568."""
    return [float(str(value)) for value in values]


def scales(rows: FloatArray) -> FloatArray:
    """The training range of each feature (n_features,), or 1 where it is 0."""
    ranges = np.ptp(rows, axis=0)
    ranges[ranges == 0] = 1
    return ranges  # type: ignore[no-any-return]


def mahalanobis(rows: FloatArray, labels: IntArray, n_classes: int) -> Mahalanobis:
    """Class means, the inverse of the pooled covariance within the classes, and percentiles."""
    exact = rows.astype(np.float64)
    means = np.stack([exact[labels == index].mean(axis=0) for index in range(n_classes)])
    unit = scales(rows).astype(np.float64)
    spread = (exact - means[labels]) / unit
    covariance = spread.T @ spread / max(len(rows) - n_classes, 1)
    covariance += NARROWEST**2 * np.eye(len(unit))
    precision = np.linalg.inv(covariance) / np.outer(unit, unit)
    parts = {"class_means": means.tolist(), "precision": precision.tolist()}
    unranked = Mahalanobis(**parts, percentiles=[0.0] * 101)
    distances = NoveltyDetector.from_card(unranked).distances(rows)
    return Mahalanobis(**parts, percentiles=np.percentile(distances, range(101)).tolist())


def keep_rows(rows: FloatArray, labels: IntArray, limit: int | None = None) -> TrainingRows:
    """All rows if they are few enough; else `limit` of them, in their order.

    The classes are represented as evenly as their sizes allow.
    """
    limit = limit or max(MAX_ROWS, MAX_NUMBERS // rows.shape[1])
    turn = np.zeros(len(labels), dtype=np.int64)
    for index in np.unique(labels):
        members = labels == index
        turn[members] = np.arange(members.sum())
    chosen = np.sort(np.lexsort((labels, turn))[:limit])
    return TrainingRows(
        total=len(rows),
        rows=[shortest(row) for row in rows[chosen]],
        labels=labels[chosen].tolist(),
    )
