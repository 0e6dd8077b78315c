"""Where the classes of a Multiclass begin, around one row, found exactly.

The hyperplanes of the hidden units cut the input space into regions, and in each the logits
are linear. There the nearest point of another class is a projection onto a polyhedron.
Regions are visited from the row outwards, nearest first, until the next one is farther than
the nearest border found: the search of Jordan et al. 2019, "Provable Certificates for
Adversarial Examples: Fitting a Ball in the Union of Polytopes", arXiv:1903.08778.
"""

import copy
import heapq
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray

from stateserve.model.architectures import Multiclass

Float64Array = NDArray[np.float64]
# Constraints handed to the solver in one search: tenths of a second, not minutes.
WORK_LIMIT = 100_000
# Regions are widened by this, in units of distance: rounding cannot hide one behind another.
OVERLAP = 1e-9
# Regions that a local improvement walks through at most.
DESCENTS = 100
# A residual this small: no point, or one a billion times farther than the farthest plane.
UNREACHABLE = 1e-9


class Border(NamedTuple):
    """The region where the `flipped` hidden units are not as they are at the row; in it, the
    part where class `other` of the remaining classes has begun, or all of it for None."""

    flipped: frozenset[int] = frozenset()
    other: int | None = None


class Nearest(NamedTuple):
    """A border at `distance`, or None if none is nearer than the start, which is at `distance`.

    No border is nearer than `lower_bound`; infinity says that there is none at all.
    """

    border: Border | None
    distance: float
    lower_bound: float


class _OutOfWork(RuntimeError):
    """The search ends here. SciPy's solver raises RuntimeError too, if it does not converge."""


@dataclass
class Regions:
    """The module as seen from a row, in steps u from it, each feature in a unit of its own.

    Hidden unit k is active where slopes[k] @ u + heights[k] > 0, with slopes of length 1, so
    that heights are distances. The margin of another class is weights[j] @ activations +
    biases[j]: from 0 on, that class is at least as likely as the row's.
    """

    slopes: Float64Array
    heights: Float64Array
    weights: Float64Array
    biases: Float64Array
    work: int = WORK_LIMIT

    @classmethod
    def around(
        cls, module: Multiclass, row: NDArray[np.float32], index: int, scales: Float64Array
    ) -> Self:
        """Around `row` (n_features,) of class `index`; `scales` (n_features,) are the units."""
        double = copy.deepcopy(module).double()
        at = torch.from_numpy(row.astype(np.float64))

        def hidden(x: torch.Tensor) -> torch.Tensor:
            return double.hidden(double.norm(x[None]))[0]  # type: ignore[no-any-return]

        slopes = torch.autograd.functional.jacobian(hidden, at).numpy() * scales  # type: ignore[no-untyped-call]
        lengths = np.linalg.norm(slopes, axis=1)
        lengths[lengths == 0] = 1
        weights, biases = (p.detach().numpy() for p in (double.output.weight, double.output.bias))
        others = np.arange(len(biases)) != index
        return cls(
            slopes / lengths[:, None],
            hidden(at).detach().numpy() / lengths,
            (weights[others] - weights[index]) * lengths,
            biases[others] - biases[index],
        )

    def nearest_border(self, start: Float64Array | None = None) -> Nearest:
        """Search; `start` is a step past some border: to know one spares work.

        Where the work limit or the solver ended the search, the border is the nearest only
        among the regions that touch it, and the lower bound is below its distance.
        """
        found, best = (None, np.inf) if start is None else self._descend(start)
        queue: list[tuple[float, list[int]]] = [(0.0, [])]
        seen = {frozenset[int]()}
        with suppress(RuntimeError):
            while queue and queue[0][0] < best:
                flipped = frozenset(queue[0][1])
                found, best = self._improve([flipped], found, best)
                near = np.flatnonzero(np.abs(self.heights) < best).tolist()
                # Units only join: the straight way to any region crosses each hyperplane once.
                neighbours = {flipped | {unit} for unit in near} - seen
                reached = [
                    (self._distance(Border(each), best), sorted(each)) for each in neighbours
                ]
                # Popped only now: if the search ends before, its distance is the bound.
                heapq.heappop(queue)
                seen |= neighbours
                for distance, units in reached:
                    if distance < best:
                        heapq.heappush(queue, (distance, units))
        return Nearest(found, best, min(queue[0][0], best) if queue else best)

    def _descend(self, start: Float64Array) -> tuple[Border | None, float]:
        """Follow a border from region to region, to where no touching region has it nearer."""
        found, best = None, float(np.linalg.norm(start))
        places = [
            frozenset(np.flatnonzero((self._inputs(start) > 0) ^ (self.heights > 0)).tolist())
        ]
        with suppress(RuntimeError):
            for _ in range(DESCENTS):
                last = best
                found, best = self._improve(places, found, best)
                step = self.step(found, last) if found else None
                if best == last or found is None or step is None:
                    break
                touching = np.flatnonzero(np.abs(self._inputs(step)) < 2 * OVERLAP)
                places = [found.flipped ^ {unit} for unit in touching.tolist()]
        return found, best

    def _improve(
        self, places: Iterable[frozenset[int]], found: Border | None, best: float
    ) -> tuple[Border | None, float]:
        """The nearest border in the regions `places`, or what was `found` if that is nearer."""
        for flipped in places:
            for other in range(len(self.biases)):
                border = Border(flipped, other)
                if (distance := self._distance(border, best)) < best:
                    found, best = border, distance
        return found, best

    def _inputs(self, step: Float64Array) -> Float64Array:
        return self.slopes @ step + self.heights

    def _distance(self, border: Border, within: float) -> float:
        """How far it is to `border`, infinite if it is not there or not `within`."""
        self.work -= 1 + int((np.abs(self.heights) < within).sum())
        if self.work < 0:
            raise _OutOfWork
        step = self.step(border, within)
        return np.inf if step is None else float(np.linalg.norm(step))

    def step(self, border: Border, within: float, depth: float = 0.0) -> Float64Array | None:
        """The shortest step to `depth` past `border`, float64 (n_features,), or None.

        Right for steps shorter than `within`: units farther away constrain none of them.
        """
        active = self.heights > 0
        active[list(border.flipped)] ^= True
        near = np.abs(self.heights) < within
        signs = np.where(active, 1.0, -1.0)[near]
        normals = signs[:, None] * self.slopes[near]
        offsets = -signs * self.heights[near] - OVERLAP
        if border.other is not None:
            weights = self.weights[border.other] * active
            slope = weights @ self.slopes
            length = np.linalg.norm(slope) or 1.0
            height = weights @ self.heights + self.biases[border.other]
            normals = np.vstack([normals, slope / length])
            offsets = np.append(offsets, depth - height / length)
        return _shortest(normals, offsets)


def _shortest(normals: Float64Array, offsets: Float64Array) -> Float64Array | None:
    """The shortest u with normals @ u >= offsets, or None if there is none.

    Lawson and Hanson 1974, "Solving Least Squares Problems", chapter 23: least distance
    programming by non-negative least squares. Raises RuntimeError if that does not converge.
    """
    from scipy.optimize import nnls

    farthest = offsets.max(initial=0)
    if farthest == 0:
        return np.zeros(normals.shape[1])
    system = np.vstack([normals.T, offsets / farthest])
    target = np.zeros(len(system))
    target[-1] = 1
    solution, residual = nnls(system, target, maxiter=10 * (len(offsets) + 10))
    rest = target - system @ solution
    # The last of `rest` is the residual squared, of which rounding may leave nothing.
    if residual < UNREACHABLE or rest[-1] <= 0:
        return None
    return -rest[:-1] / rest[-1] * farthest  # type: ignore[no-any-return]
