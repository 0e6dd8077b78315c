"""The smallest change of the inputs that changes the class.

Guaranteed: the served module gives the changed row another class, by more than float32
rounds, so in any batch; and no change smaller than `lower_bound` has that effect, as computed
in float64, to about 1e-8 of the training ranges. Where the search is `proven`, `distance`
exceeds that bound only by what float32 needs to tell the classes apart. Elsewhere, as for
some wide networks, the work limit ended it: then the row is the nearest among the regions
around it, and a nearer one may exist.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from app.compiled import Forward
from app.multiclass import Multiclass
from app.regions import Regions

FloatArray = NDArray[np.float32]
Float64Array = NDArray[np.float64]
BISECTIONS = 30
# How far past a border float32 may need to go, in training ranges.
DEPTHS = 10.0 ** np.arange(-8, 0, 0.5)
# Of the sum of magnitudes: some sixteen times the unit roundoff of float32.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Counterfactual:
    """row float32 (n_features,) of class `index`, at Euclidean `distance` in training ranges.

    `changes` float64 (n_features,) lead to it from the row that was asked about. `proven` if
    the search went to its end.
    """

    row: FloatArray
    changes: Float64Array
    index: int
    distance: float
    lower_bound: float
    proven: bool


def find_counterfactual(
    module: Multiclass,
    forward: Forward,
    row: FloatArray,
    scales: Float64Array,
    examples: FloatArray,
) -> Counterfactual | None:
    """Search around `row` (n_features,), helped by `examples` (any number, n_features).

    `forward` is the module's, as it is served.

    `scales` float64 (n_features,) are the training ranges. Returns None if the module gives no row
    another class (one that float32 can tell), or none was found in time. Needs SciPy.
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
    if not len(found):
        return None
    changes = found.astype(np.float64) - row
    distances = np.linalg.norm(changes / scales, axis=1)
    best, distance = int(distances.argmin()), float(distances.min())
    index = int(forward(found[best : best + 1])[0].argmax())
    bound = min(nearest.lower_bound, distance)
    proven = nearest.lower_bound >= nearest.distance
    return Counterfactual(found[best], changes[best], index, distance, bound, proven)


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
