"""Combines all parts of the explanation of one row."""

from dataclasses import dataclass

import numpy as np
import torch

from app.errors import InvalidInstances, NotProvided
from app.explain.counterfactual import Counterfactual, find_counterfactual
from app.explain.neighbours import Neighbour, nearest_of_each_class
from app.explain.tabular_gradients import Attributions, integrated_gradients
from app.explain.unexplained import NO_BASELINE, missing_extra
from stateserve.errors import Fault
from stateserve.model import Card
from stateserve.model.architectures import FloatArray, Forward, Multiclass


@dataclass(frozen=True)
class Explanation:
    """`activations` are float32 (layer_size,) by layer name; `neighbours` are by class index.

    `training_rows` is the number of rows searched for neighbours, and the total number. Both
    are None if the card has no training rows. `counterfactual` is None if none was found.
    """

    index: int
    log_probabilities: FloatArray
    attributions: Attributions
    activations: dict[str, FloatArray]
    neighbours: list[list[Neighbour]] | None
    counterfactual: Counterfactual | None
    training_rows: tuple[int, int] | None


def explain(module: Multiclass, forward: Forward, card: Card, row: FloatArray) -> Explanation:
    """Explain the class that `forward`, of `module`, predicts for one float32 row (n_features,).

    Raises NotProvided if the card has no baseline or the extra `explain` is not
    installed, and InvalidInstances if the forward pass overflows.
    """
    if card.baseline is None:
        raise NotProvided(NO_BASELINE)
    with torch.inference_mode():
        activations = {
            name: output[0].numpy()
            for name, output in module.activations(torch.from_numpy(row[None])).items()
        }
    # From the forward pass of /predict, so that both answers are equal to the last bit.
    activations["logsoftmax"] = log_probabilities = forward(row[None])[0]
    if not np.isfinite(log_probabilities).all():
        raise InvalidInstances([Fault("", "so large that the forward pass overflows")])
    index = int(log_probabilities.argmax())
    baseline = np.array(card.baseline, np.float32)
    try:
        attributions = integrated_gradients(module, row, baseline, index)
    except ImportError as error:
        raise NotProvided(missing_extra(error)) from None
    kept, scales = card.training_rows, np.array(card.scales)
    return Explanation(
        index,
        log_probabilities,
        attributions,
        activations,
        nearest_of_each_class(row, scales, kept, len(card.classes)) if kept else None,
        find_counterfactual(forward, row, scales, _examples(card)),
        (len(kept.rows), kept.total) if kept else None,
    )


def _examples(card: Card) -> FloatArray:
    """Typical rows (rows, n_features): the card's training rows and the class means."""
    rows = card.training_rows.rows if card.training_rows else []
    means = card.mahalanobis.class_means if card.mahalanobis else []
    return np.array(rows + means, np.float32).reshape(-1, len(card.features))
