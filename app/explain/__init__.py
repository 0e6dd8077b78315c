"""Why a row gets its class: attributions, activations, neighbours, and a counterfactual.

`explain` answers for one row at a time, from the forward pass that answers predictions.
Raises NotProvided where the card or the extra `explain` is missing; knows no HTTP.
"""

from app.explain.attribution import Attributions
from app.explain.counterfactual import FOUND, NONE_FOUND, Counterfactual
from app.explain.explanation import Explanation, explain
from app.explain.neighbours import Neighbour

__all__ = [
    "FOUND",
    "NONE_FOUND",
    "Attributions",
    "Counterfactual",
    "Explanation",
    "Neighbour",
    "explain",
]
