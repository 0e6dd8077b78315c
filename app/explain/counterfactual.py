"""The smallest change of the inputs that changes the class.

The contract, whatever searches: the served module gives the changed row another class, by more
than float32 rounds; no change smaller than `lower_bound` has that effect, as computed in
float64, to about 1e-8 of the training ranges. A search that went to its end is `proven`:
`distance` exceeds the bound only by what float32 needs to tell the classes apart, or, with
nothing found, no input has another class. All else is found by search, and a nearer row may
exist; each change of a feature is needed there, in that the class is the row's own again
without it.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from app.explain.regions import Regions
from stateserve.model.architectures import Forward, Multiclass

FloatArray = NDArray[np.float32]
Float64Array = NDArray[np.float64]
BISECTIONS = 30
# How far past a border float32 may need to go, in training ranges.
DEPTHS = 10.0 ** np.arange(-8, 0, 0.5)
# Of the sum of magnitudes: some sixteen times the unit roundoff of float32.
ROUNDING = 1e-6


# Where nothing is proven: so many directions are looked into, and so far, in training ranges.
DIRECTIONS = 256
MOST_SAMPLED = 2**20
RADII = 10.0 ** np.arange(-3, 2.5, 0.5)
# Of the rows found there, the nearest few are moved up to the border.
FEW = 8
# Features whose change is tried to be taken back one at a time; each takes a forward pass.
MOST_TAKEN_BACK = 64


@dataclass(frozen=True)
class Counterfactual:
    """row float32 (n_features,) of class `index`, at Euclidean `distance` in training ranges.

    `changes` float64 (n_features,) lead to it from the row that was asked about.
    """

    row: FloatArray
    changes: Float64Array
    index: int
    distance: float
    lower_bound: float
    proven: bool


class Search(NamedTuple):
    """What was found, if anything, and whether it is proven that there is nothing nearer."""

    found: Counterfactual | None
    proven: bool

    @property
    def statement(self) -> str:
        """What is known, in words."""
        if self.found is None:
            return NONE_PROVEN if self.proven else NONE_FOUND
        return PROVEN if self.proven else FOUND


PROVEN = "proven: no smaller change of the inputs gives another class"
FOUND = (
    "found by search: a smaller change may give another class; "
    "it is proven that none smaller than lower_bound does"
)
NONE_PROVEN = "proven: no change of the inputs gives another class"
NONE_FOUND = "found by search: no input of another class; one may exist"


def find_counterfactual(
    module: Multiclass,
    forward: Forward,
    row: FloatArray,
    scales: Float64Array,
    examples: FloatArray,
) -> Search:
    """Search around `row` (n_features,), helped by `examples` (any number, n_features).

    `forward` is the module's, as it is served.

    `scales` float64 (n_features,) are the training ranges. Needs SciPy.
    """
    own = int(forward(row[None])[0].argmax())
    regions = Regions.around(module, row, own, scales)
    found = _cross_towards(module, row, examples, own)
    steps = (found.astype(np.float64) - row) / scales
    start = steps[np.linalg.norm(steps, axis=1).argmin()] if len(steps) else None
    nearest = regions.nearest_border(start)
    if nearest.border is not None:
        past = _cross(module, row, scales, own, partial(regions.step, nearest.border, np.inf))
        found = np.vstack([found, past])
    proven = nearest.lower_bound >= nearest.distance
    if not proven or not len(found):
        found = np.vstack([found, _look_around(module, row, scales, own)])
    if not len(found):
        return Search(None, nearest.border is None and nearest.lower_bound == np.inf)
    best = _nearest(found, row, scales, 1)[0]
    # Past a proven border there is room for float32: a change taken back in it would turn the way.
    if not proven:
        best = _take_back(module, row, best, scales, own)
    changes = best.astype(np.float64) - row
    distance = float(np.linalg.norm(changes / scales))
    index = int(forward(best[None])[0].argmax())
    bound = min(nearest.lower_bound, distance)
    # What float32 cannot tell from the row's class may be nearer than any row found.
    return Search(Counterfactual(best, changes, index, distance, bound, proven), proven)


def _nearest(rows: FloatArray, row: FloatArray, scales: Float64Array, count: int) -> FloatArray:
    distances = np.linalg.norm((rows.astype(np.float64) - row) / scales, axis=1)
    return rows[distances.argsort(kind="stable")[:count]]  # type: ignore[no-any-return]


def _look_around(module: Multiclass, row: FloatArray, scales: Float64Array, own: int) -> FloatArray:
    """Rows just past a border in some of many directions, (0 to FEW, n_features)."""
    width = len(row)
    count = max(1, min(DIRECTIONS, MOST_SAMPLED // (len(RADII) * width)))
    directions = np.random.default_rng(0).normal(size=(count, width))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    axes = np.eye(width)[:count]
    steps = np.concatenate([directions, axes, -axes])[:, np.newaxis] * RADII[:, np.newaxis]
    with np.errstate(over="ignore"):
        rows = (row + steps.reshape(-1, width) * scales).astype(np.float32)
    rows = rows[np.isfinite(rows).all(axis=1)]
    others = rows[_surely_other(module, rows, own)]
    return _cross_towards(module, row, _nearest(others, row, scales, FEW), own)


def _take_back(
    module: Multiclass, row: FloatArray, best: FloatArray, scales: Float64Array, own: int
) -> FloatArray:
    """`best` (n_features,) without the changes that its class does not need, moved up to the
    border: never farther from `row`."""
    changes = np.abs((best.astype(np.float64) - row) / scales)
    changed = np.flatnonzero(changes)
    without = np.repeat(best[np.newaxis], len(changed), axis=0)
    without[np.arange(len(changed)), changed] = row[changed]
    needless = changed[_surely_other(module, without, own)]
    for feature in needless[changes[needless].argsort(kind="stable")][:MOST_TAKEN_BACK]:
        fewer = best.copy()
        fewer[feature] = row[feature]
        if _surely_other(module, fewer[np.newaxis], own)[0]:
            best = fewer
    nearer = _cross_towards(module, row, best[np.newaxis], own)
    return nearer[0] if len(nearer) else best


def _surely_other(module: Multiclass, rows: FloatArray, own: int) -> NDArray[np.bool_]:
    """Which rows (rows,) get another class, by more than float32 rounds.

    The module and its served form round their sums in other orders; this class stays.
    """
    with torch.inference_mode():
        logits = module.logits(torch.from_numpy(rows))
        size = module.norm(torch.from_numpy(rows)).abs()
        for layer in (module.hidden, module.output):
            size = size @ layer.weight.abs().T + layer.bias.abs()
    mine = slice(own, own + 1)
    surely = logits - logits[:, mine] > ROUNDING * (size + size[:, mine])
    return surely.any(dim=1).numpy()  # type: ignore[no-any-return]


def _cross_towards(
    module: Multiclass, row: FloatArray, examples: FloatArray, own: int
) -> FloatArray:
    """Rows just past a border, by bisection on the way to each example of another class."""
    outer = examples[_surely_other(module, examples, own)]
    inner = np.broadcast_to(row, outer.shape)
    for _ in range(BISECTIONS):
        middle = (inner / 2 + outer / 2).astype(np.float32)
        other = _surely_other(module, middle, own)[:, None]
        inner, outer = np.where(other, inner, middle), np.where(other, middle, outer)
    return outer


def _cross(
    module: Multiclass,
    row: FloatArray,
    scales: Float64Array,
    own: int,
    step_past: Callable[[float], Float64Array | None],
) -> FloatArray:
    """A row (1, n_features) past a border, only as deep as float32 needs; or none, (0, ...)."""
    size = float(np.abs(row / scales).max(initial=1))
    with suppress(RuntimeError):
        for depth in DEPTHS * size:
            if (step := step_past(depth)) is None:
                continue
            # Far outside, a row may need numbers that float32 does not have.
            with np.errstate(over="ignore"):
                moved = (row + step * scales)[None].astype(np.float32)
            if _surely_other(module, moved, own)[0]:
                return moved
    return np.empty((0, len(row)), np.float32)
