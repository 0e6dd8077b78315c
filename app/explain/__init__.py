"""Why the model answers as it does: attributions, counterfactuals, nearest training rows.

Computed by the forward pass that /predict uses, so the two agree to the last bit. Knows no HTTP.
"""

from typing import TYPE_CHECKING

from stateserve.lazy import lazy_exports

if TYPE_CHECKING:
    from app.explain.counterfactual import FOUND as FOUND
    from app.explain.counterfactual import NONE_FOUND as NONE_FOUND
    from app.explain.counterfactual import NONE_PROVEN as NONE_PROVEN
    from app.explain.counterfactual import PROVEN as PROVEN
    from app.explain.counterfactual import Counterfactual as Counterfactual
    from app.explain.explanation import Explanation as Explanation
    from app.explain.explanation import Neighbour as Neighbour
    from app.explain.explanation import explain as explain

__getattr__ = lazy_exports(
    __name__,
    {
        "counterfactual": ("Counterfactual", "FOUND", "NONE_FOUND", "NONE_PROVEN", "PROVEN"),
        "explanation": ("Explanation", "Neighbour", "explain"),
    },
)
