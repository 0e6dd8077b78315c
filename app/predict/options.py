"""The optional parts of /predict's answers: the query parameters, and their values."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from app.errors import NotProvided
from app.predict.prediction import Prediction
from stateserve.model import Novelty, Predictor, calibrate

Float64Array = NDArray[np.float64]


class Options(BaseModel):
    """The query of /predict."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    log_probabilities: bool = False
    top: int | None = Field(
        default=None, ge=1, description="the number of most probable classes to answer"
    )
    calibrated: bool = Field(
        default=False, description="probabilities softened or sharpened by the card's temperature"
    )
    out_of_distribution: bool = Field(
        default=False,
        description="how far each instance is from the nearest class mean of the training rows",
    )


DEFAULT_OPTIONS = Options()
# The fields of Novelty for one row, in its order.
NOVELTY_FIELDS = ("distance", "training_share", "out_of_distribution")


class Shown(NamedTuple):
    """The answered values: probabilities, both (rows, n_classes), and novelty on request."""

    probabilities: Float64Array
    log_probabilities: NDArray[np.floating[Any]]
    novelty: Novelty | None


def show(prediction: Prediction, options: Options, predictor: Predictor) -> Shown:
    """The values to answer. Raises NotProvided if the card lacks a requested part."""
    whole, start, end = prediction
    logs: NDArray[np.floating[Any]] = whole.log_probabilities[start:end]
    probabilities = whole.probabilities[start:end]
    if options.calibrated:
        if predictor.card.calibration is None:
            raise NotProvided(_missing("calibrated", "temperature"))
        logs = calibrate(logs, predictor.card.calibration.temperature)
        probabilities = np.exp(logs)
    novelty = None
    if options.out_of_distribution:
        if predictor.novelty is None:
            raise NotProvided(_missing("out_of_distribution", "class means"))
        novelty = predictor.novelty.judge(whole.rows[start:end])
    return Shown(probabilities, logs, novelty)


def _missing(parameter: str, what: str) -> str:
    lacks = f"the model card holds no {what}; only the training rows tell, not the state"
    return f"{parameter}: {lacks}; predictions without {parameter} work"
