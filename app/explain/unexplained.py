"""Why a model has no attributions, as far as that is known before an instance is explained."""

from contextlib import suppress
from importlib.util import find_spec

from app.explain.shapley import takes_columns
from stateserve.model import AnyModel, Predictor, TensorModel

# The package of the extra `explain`, by its name in the package registry.
PACKAGE = "captum"
NO_BASELINE = (
    "the model card holds no baseline to compare with, the mean of each feature; only the "
    "training rows tell, not the state; /predict, /model and /state work without"
)
INTEGERS = "the inputs are integers; a gradient needs an input of floats"


def unexplained(model: AnyModel) -> str | None:
    """Why `/explain` has no attributions by the method that it takes without a choice."""
    if isinstance(model, Predictor) and model.card.baseline is None:
        return NO_BASELINE
    if isinstance(model, TensorModel):
        if takes_columns(model):
            return None
        if not any("float" in each.dtype for each in model.signature.inputs):
            return INTEGERS
    # An import would take a second, and a finder of modules may raise, too.
    with suppress(ImportError):
        if find_spec(PACKAGE):
            return None
    return missing_extra(f"No module named '{PACKAGE}'")


def missing_extra(error: object) -> str:
    """What to install, after an import failed with `error`."""
    return (
        f"explanations need the extra `explain`, which is not installed here ({error}): "
        f"`python -m pip install {PACKAGE}`"
    )
