"""The contribution of each input value to one value of an output."""

from dataclasses import dataclass

from stateserve.model import Arrays


@dataclass(frozen=True)
class Attributed:
    """Attributions of the shape of one instance, by input name.

    They sum to `score` - `baseline_score` + `convergence_delta`. Saliency is the gradient; it has
    no baseline.
    """

    values: Arrays
    score: float
    baseline_score: float | None = None
    convergence_delta: float | None = None
