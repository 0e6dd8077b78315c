"""Why a flower got its class: attributions, activations, neighbours and the counterfactual."""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from app.errors import InvalidInstances, NotProvided
from app.explain.counterfactual import Search, find_counterfactual
from stateserve.errors import Fault
from stateserve.model import Card
from stateserve.model.architectures import Forward, Multiclass

FloatArray = NDArray[np.float32]
Float64Array = NDArray[np.float64]
NEIGHBOURS = 3
# A power of two, so that the step size is exact in float32; Captum keeps it in that.
STEPS = 1024
# What the extra `explain` holds, by names that a registry knows.
INSTALL = "python -m pip install captum scipy"


@dataclass(frozen=True)
class Attributions:
    """How much each feature moved the logit of class `index`: values float64 (n_features,).

    `values` sum to `logit` - `baseline_logit` + `convergence_delta`.
    """

    index: int
    values: Float64Array
    baseline: FloatArray
    logit: float
    baseline_logit: float
    convergence_delta: float


@dataclass(frozen=True)
class Neighbour:
    """A training row, float32 (n_features,), at Euclidean `distance` in training ranges."""

    row: FloatArray
    distance: float


@dataclass(frozen=True)
class Explanation:
    """`activations` are float32 (size of the layer,) by layer; `neighbours` by class index.

    `neighbours` is None where the card holds no training rows; they are of so many rows of so
    many, `training_rows`. `search` is that for the counterfactual.
    """

    index: int
    log_probabilities: FloatArray
    attributions: Attributions
    activations: dict[str, FloatArray]
    neighbours: list[list[Neighbour]] | None
    search: Search
    training_rows: tuple[int, int] | None


def explain(module: Multiclass, forward: Forward, card: Card, row: FloatArray) -> Explanation:
    """Explain one float32 row (n_features,), as `forward`, of the same module, classifies it.

    Raises NotProvided if the card has no baseline or the extra `explain` is not
    installed, and InvalidInstances if the forward pass overflows.
    """
    if card.baseline is None:
        raise NotProvided(
            "the model card holds no baseline to compare with; training writes one: "
            "python -m training"
        )
    with torch.inference_mode():
        activations = {
            name: output[0].numpy()
            for name, output in module.activations(torch.from_numpy(row[None])).items()
        }
    # Of the forward that answers /predict, so that both say the same to the last bit.
    activations["logsoftmax"] = log_probabilities = forward(row[None])[0]
    if not np.isfinite(log_probabilities).all():
        raise InvalidInstances([Fault("", "so large that the forward pass overflows")])
    index = int(log_probabilities.argmax())
    baseline = np.array(card.baseline, np.float32)
    scales = np.array(card.scales)
    kept = card.training_rows
    examples = np.array(kept.rows if kept else [], np.float32).reshape(-1, len(row))
    labels = np.array(kept.labels if kept else [], np.int64)
    try:
        attributions = integrated_gradients(module, row, baseline, index)
        search = find_counterfactual(module, forward, row, scales, examples)
    except ImportError as error:
        need = f"explanations need the extra `explain`, which is not installed here ({error})"
        raise NotProvided(f"{need}: `{INSTALL}`") from None
    return Explanation(
        index,
        log_probabilities,
        attributions,
        activations,
        _neighbours(row, scales, examples, labels, len(card.classes)) if kept else None,
        search,
        (len(kept.rows), kept.total) if kept else None,
    )


def integrated_gradients(
    module: Multiclass, row: FloatArray, baseline: FloatArray, index: int
) -> Attributions:
    """Attribute the logit of class `index` at `row` against `baseline`, both (n_features,).

    The logit, not the probability: it is piecewise linear, so attributions neither saturate
    nor vanish for a sure class. Source: Sundararajan et al. 2017, arXiv:1703.01365, by Captum.
    """
    from captum.attr import IntegratedGradients

    # In float64: values that the forward pass can hold may overflow float32 when multiplied.
    double = copy.deepcopy(module).double()
    inputs, baselines = (torch.from_numpy(values[None]).double() for values in (row, baseline))
    values, delta = IntegratedGradients(double.logits).attribute(
        inputs,
        baselines,
        target=index,
        n_steps=STEPS,
        method="riemann_middle",
        return_convergence_delta=True,
    )
    with torch.inference_mode():
        logit, baseline_logit = double.logits(torch.cat([inputs, baselines]))[:, index].tolist()
    attributions = values[0].detach().numpy()
    return Attributions(index, attributions, baseline, logit, baseline_logit, float(delta))


def _neighbours(
    row: FloatArray,
    scales: Float64Array,
    examples: FloatArray,
    labels: NDArray[np.int64],
    n_classes: int,
) -> list[list[Neighbour]]:
    distances = np.linalg.norm((examples.astype(np.float64) - row) / scales, axis=1)
    order = distances.argsort(kind="stable")
    return [
        [
            Neighbour(examples[place], float(distances[place]))
            for place in order[labels[order] == index][:NEIGHBOURS]
        ]
        for index in range(n_classes)
    ]
