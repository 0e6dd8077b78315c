"""The optional parts of /predict's answers: the query parameters, and their values."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from app.errors import NotProvided
from app.predict.prediction import Prediction
from app.query_number import WholeNumber
from stateserve.model import Novelty, Output, Predictor, calibrate

Float64Array = NDArray[np.float64]


class Options(BaseModel):
    """The query of /predict."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    log_probabilities: bool = False
    top: WholeNumber | None = Field(
        default=None, ge=1, description="the number of most probable classes to answer"
    )
    calibrated: bool = Field(
        default=False, description="probabilities softened or sharpened by the card's temperature"
    )
    out_of_distribution: bool = Field(
        default=False,
        description="how far each instance is from the nearest class mean of the training rows",
    )
    skip_bad_rows: bool = Field(
        default=False,
        description="of text/csv: leave out rows with a cell that cannot be read, and list them",
    )


DEFAULT_OPTIONS = Options()
# The fields of Novelty for one row, in its order.
NOVELTY_FIELDS = ("distance", "training_share", "out_of_distribution")


class Shown(NamedTuple):
    """The answered values: probabilities, both (rows, n_classes), and novelty on request."""

    probabilities: Float64Array
    log_probabilities: NDArray[np.floating]
    novelty: Novelty | None


def ranked(
    scores: NDArray[np.floating], shown: NDArray[np.floating], top: int
) -> NDArray[np.floating]:
    """(rows, top, 2) of (rows, n_classes): the index, and what is shown, of the highest scores."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    highest = np.take_along_axis(shown, order, axis=1)
    return np.stack([order.astype(shown.dtype), highest], axis=2)


def without_classes(option: str, outputs: Sequence[Output]) -> NotProvided:
    """The error of an option that needs classes, for a model whose outputs have none."""
    found = ", ".join(f"{each.name} {each.shape} of kind {each.kind}" for each in outputs[:3])
    unnamed = any(len(each.shape) == 2 and each.shape[1] > 1 for each in outputs)
    hint = "; if its columns are classes, name them: --classes, or classes= of save_model"
    return NotProvided(
        f"{option}: it needs an output of shape [rows, classes] of kind probabilities, "
        f"log_probabilities or logits; this model has {found}{hint if unnamed else ''}"
    )


def show(prediction: Prediction, options: Options, predictor: Predictor) -> Shown:
    """The values to answer. Raises NotProvided if the card lacks a requested part."""
    whole, start, end = prediction
    logs: NDArray[np.floating] = whole.log_probabilities[start:end]
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
