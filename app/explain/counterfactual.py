"""Searches an input of another class near a row.

The search uses only the classes that the model predicts, for some thousands of rows. It moves
from examples and random rows of other classes towards the row, up to the border of the row's
class, and then tries random directions in which the border is nearer (as Cheng et al. 2018,
arXiv:1807.04457, in a black-box attack with hard labels).

The model predicts another class for the result. With up to MOST_TRIED features each change is
needed: without any one of them, the class is the row's. A nearer input of another class may
exist, also if the search finds none.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.explain.neighbours import distances_from
from stateserve.model.architectures import FloatArray, Forward

Float64Array = NDArray[np.float64]
FOUND = "found by search: a nearer input of another class may exist"
NONE_FOUND = "none found by search: an input of another class may exist"

# Random start rows: the number of directions, and distances in training ranges.
DIRECTIONS = 256
RADII = 10.0 ** np.arange(-3, 2.5, 0.5)
# The most numbers in the rows made at once.
MOST_NUMBERS = 2**20
# The number of nearest rows of other classes that are moved to the border.
STARTS = 8
# Rounds from the nearest of them, random directions in each, and their initial spread.
ROUNDS = 30
TURNS = 48
SPREAD = 0.5
WIDER, NARROWER = 1.2, 0.6
# Bisection steps to the border: to the resolution of float32, and roughly.
HALVINGS = 24
FEW_HALVINGS = 6
# The number of smallest changes that are undone one at a time.
MOST_TRIED = 64


@dataclass(frozen=True)
class Counterfactual:
    """A `row`, float32 (n_features,), of class `index`, at Euclidean `distance`.

    The distance is in training ranges. `changes`, float64 (n_features,), is the difference from
    the explained row.
    """

    row: FloatArray
    changes: Float64Array
    index: int
    distance: float


def find_counterfactual(
    forward: Forward, row: FloatArray, scales: Float64Array, examples: FloatArray
) -> Counterfactual | None:
    """Search around `row` (n_features,), from `examples` (n_examples, n_features).

    `forward` maps rows to a score for each class; the first of the highest scores is the class.
    `scales`, float64 (n_features,), are the training ranges.
    """
    own = int(forward(row[np.newaxis])[0].argmax())
    # A fixed seed, so that the same row has the same counterfactual.
    search = _Search(forward, row, scales, own, np.random.default_rng(0))
    starts = search.of_another_class(np.concatenate([examples, search.look_around()]))
    if not len(starts):
        return None
    found = search.nearest(search.approach(search.nearest(starts, STARTS)), 1)
    found = search.take_back(search.turn(found))
    index = int(forward(found)[0].argmax())
    distance = float(distances_from(row, found, scales)[0])
    return Counterfactual(found[0], found[0].astype(np.float64) - row, index, distance)


@dataclass(frozen=True)
class _Search:
    """The search around `row` of class `own`. Rows are float32 (rows, n_features)."""

    forward: Forward
    row: FloatArray
    scales: Float64Array
    own: int
    random: np.random.Generator

    def is_another_class(self, rows: FloatArray) -> NDArray[np.bool_]:
        scores = self.forward(rows)
        # A prediction whose scores overflow is refused.
        return np.isfinite(scores).all(axis=1) & (scores.argmax(axis=1) != self.own)  # type: ignore[no-any-return]

    def of_another_class(self, rows: FloatArray) -> FloatArray:
        rows = rows[np.isfinite(rows).all(axis=1)]
        return rows[self.is_another_class(rows)] if len(rows) else rows

    def nearest(self, rows: FloatArray, count: int) -> FloatArray:
        return rows[distances_from(self.row, rows, self.scales).argsort(kind="stable")[:count]]

    def directions(self, middle: Float64Array, spread: float, count: int) -> Float64Array:
        """Random unit vectors (count, n_features) around `middle`."""
        width = len(self.row)
        count = max(1, min(count, MOST_NUMBERS // width))
        noise = self.random.normal(size=(count, width)) / np.sqrt(width)
        directions = middle + spread * noise
        return directions / np.linalg.norm(directions, axis=1, keepdims=True)  # type: ignore[no-any-return]

    def at(self, steps: Float64Array) -> FloatArray:
        """The rows at `steps` (rows, n_features) from `row`, in training ranges."""
        with np.errstate(over="ignore"):
            return (self.row + steps * self.scales).astype(np.float32)

    def look_around(self) -> FloatArray:
        """Rows at all RADII, in random directions, along each feature and along the diagonal."""
        width = len(self.row)
        count = max(1, min(DIRECTIONS, MOST_NUMBERS // (len(RADII) * width)))
        straight = np.concatenate([np.full((1, width), width**-0.5), np.eye(width)[:count]])
        random = self.directions(np.zeros(width), 1, count)
        directions = np.concatenate([straight, -straight, random])
        return self.at((directions * RADII[:, np.newaxis, np.newaxis]).reshape(-1, width))

    def approach(self, outer: FloatArray, halvings: int = HALVINGS) -> FloatArray:
        """Move rows `outer` of other classes straight towards `row` to the border, by bisection."""
        inner = np.broadcast_to(self.row, outer.shape)
        for _ in range(halvings):
            middle = ((inner.astype(np.float64) + outer) / 2).astype(np.float32)
            other = self.is_another_class(middle)[:, np.newaxis]
            inner, outer = np.where(other, inner, middle), np.where(other, middle, outer)
        return outer

    def turn(self, found: FloatArray) -> FloatArray:
        """Search nearer border rows in random directions around `found` (1, n_features)."""
        spread = SPREAD
        for _ in range(ROUNDS):
            step = (found[0].astype(np.float64) - self.row) / self.scales
            distance = float(np.linalg.norm(step))
            nearer = distance * (1 - spread / 10)
            turned = self.directions(step / distance, spread, TURNS) * nearer
            others = self.of_another_class(self.at(turned))
            spread *= WIDER if len(others) else NARROWER
            others = self.approach(others[:STARTS], FEW_HALVINGS) if len(others) else others
            found = self.nearest(np.concatenate([found, others]), 1)
        return found

    def take_back(self, found: FloatArray) -> FloatArray:
        """Undo changes that are not needed for another class of `found` (1, n_features)."""
        for _ in range(MOST_TRIED):
            found = self.approach(found)
            changes = np.abs((found[0].astype(np.float64) - self.row) / self.scales)
            order = changes.argsort(kind="stable")[np.count_nonzero(changes == 0) :]
            powers = [2**k for k in range(1, len(order).bit_length())]
            tried = [*order[:MOST_TRIED, np.newaxis], *(order[:count] for count in powers)]
            fewer = np.repeat(found, len(tried), axis=0)
            for each, features in zip(fewer, tried, strict=True):
                each[features] = self.row[features]
            others = self.of_another_class(fewer)
            if not len(others):
                break
            found = others[[np.count_nonzero(others != self.row, axis=1).argmin()]]
        return found
