"""Attributions: the contribution of each feature to a logit, by integrated gradients."""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from stateserve.model.architectures import FloatArray, Multiclass

# A power of two, so that the step size is exact in float32, which Captum uses for it.
STEPS = 1024


@dataclass(frozen=True)
class Attributions:
    """The contribution of each feature to the logit of class `index`, float64 (n_features,).

    `values` sum to `logit` - `baseline_logit` + `convergence_delta`.
    """

    index: int
    values: NDArray[np.float64]
    baseline: FloatArray
    logit: float
    baseline_logit: float
    convergence_delta: float


def integrated_gradients(
    module: Multiclass, row: FloatArray, baseline: FloatArray, index: int
) -> Attributions:
    """Attribute the logit of class `index` at `row` against `baseline`, both (n_features,).

    Not the probability, which saturates: its attributions would vanish for a sure class. The
    logit is piecewise linear. Source: Sundararajan et al. 2017, arXiv:1703.01365, by Captum.
    """
    from captum.attr import IntegratedGradients

    # In float64: products of values that float32 can hold may overflow float32.
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
