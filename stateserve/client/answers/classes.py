"""Whether a class and its probabilities are possible: no model answers others."""

import math

import msgspec

from stateserve.client.predictions import Answer
from stateserve.model import PROBABILITY_ROUNDING

# Of two probabilities that are shown as equal.
TIE = 1e-6


class Classified(msgspec.Struct, rename={"label": "class"}):
    """The class of one instance by one of several outputs; the fields are those of Answer."""

    label: str
    index: int
    probabilities: dict[str, float]
    log_probabilities: dict[str, float | None] | None = None


def require_possible(answer: Answer | Classified, top: int | None) -> None:
    """The probabilities are of all classes in their order, or of the `top` most probable ones.

    Raises ValueError.
    """
    label, index, probabilities = answer.label, answer.index, answer.probabilities
    if label is None or index is None or label not in probabilities:
        raise ValueError(f"the class {label!r:.100} has no probability or no index")
    count, values = len(probabilities), probabilities.values()
    if top is not None and count > top:
        raise ValueError(f"{count} classes where {top} were asked for")
    all_classes, highest, total = top is None or count < top, max(values), sum(values)
    if min(values) < -PROBABILITY_ROUNDING or highest > 1 + PROBABILITY_ROUNDING:
        raise ValueError(f"probabilities from {min(values):.6g} to {highest:.6g}")
    if total > 1 + PROBABILITY_ROUNDING or (all_classes and total < 1 - PROBABILITY_ROUNDING):
        raise ValueError(f"probabilities whose sum is {total:.6g}")
    if index < 0 or (all_classes and index >= count):
        raise ValueError(f"the index {index} of {count} classes")
    if top is None and [*probabilities][index] != label:
        raise ValueError(f"the class {label!r:.100} does not stand at {index}")
    if probabilities[label] < highest - TIE:
        raise ValueError(f"the class {label!r:.100} is not the most probable one")
    if answer.log_probabilities is not None:
        _require_logarithms(answer.log_probabilities, probabilities)


def _require_logarithms(
    logarithms: dict[str, float | None], probabilities: dict[str, float]
) -> None:
    if logarithms.keys() != probabilities.keys():
        raise ValueError("log-probabilities of other classes than the probabilities")
    for name, logarithm in logarithms.items():
        found = 0 if logarithm is None else math.exp(min(logarithm, 1))
        if abs(found - probabilities[name]) > PROBABILITY_ROUNDING:
            raise ValueError(f"{name!r:.100}: a log-probability of another probability")
