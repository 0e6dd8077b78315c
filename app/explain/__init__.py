"""Explains the class of a row: attributions, activations, neighbours, and a counterfactual.

`explain` takes one row, and uses the same forward pass as predictions; `draw_heatmap` makes a PNG.
Raises NotProvided if the card or an extra package is missing; knows no HTTP.
"""

from app.explain.counterfactual import FOUND, NONE_FOUND, Counterfactual
from app.explain.explanation import Explanation, explain
from app.explain.heatmap import draw_heatmap
from app.explain.neighbours import Neighbour
from app.explain.tabular_gradients import Attributions
from app.explain.tensor_explanation import Question, TensorExplanation, explain_tensors
from app.explain.unexplained import unexplained

__all__ = [
    "FOUND",
    "NONE_FOUND",
    "Attributions",
    "Counterfactual",
    "Explanation",
    "Neighbour",
    "Question",
    "TensorExplanation",
    "draw_heatmap",
    "explain",
    "explain_tensors",
    "unexplained",
]
