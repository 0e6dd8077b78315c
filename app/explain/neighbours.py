"""Finds the training rows nearest to a row."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stateserve.model import TrainingRows
from stateserve.model.architectures import FloatArray

NEIGHBOURS = 3


@dataclass(frozen=True)
class Neighbour:
    """A training row, float32 (n_features,), at Euclidean `distance` in training ranges."""

    row: FloatArray
    distance: float


def distances_from(
    row: FloatArray, rows: FloatArray, scales: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Euclidean distances (rows,) of `rows` (rows, n_features) from `row`, in units of `scales`."""
    return np.linalg.norm((rows.astype(np.float64) - row) / scales, axis=1)  # type: ignore[no-any-return]


def nearest_of_each_class(
    row: FloatArray, scales: NDArray[np.float64], kept: TrainingRows, n_classes: int
) -> list[list[Neighbour]]:
    """The nearest NEIGHBOURS rows of each class, by class index."""
    rows, labels = np.array(kept.rows, np.float32), np.array(kept.labels)
    distances = distances_from(row, rows, scales)
    order = distances.argsort(kind="stable")
    return [
        [
            Neighbour(rows[place], float(distances[place]))
            for place in order[labels[order] == index][:NEIGHBOURS]
        ]
        for index in range(n_classes)
    ]
