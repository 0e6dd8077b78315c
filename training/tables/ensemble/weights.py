"""How much each network of a sum counts."""

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from training.tables.ensemble.problem import Problem

# A network with a smaller share of the weights is left out.
LEAST_SHARE = 0.05
TOLERANCE, MOST_STEPS = 1e-9, 500


def weigh(problem: Problem, scores: list[Tensor]) -> list[float]:
    """The weights with the least held-out loss of the weighted sum, drawn towards equal ones:
    so strongly that few rows change little. Source: Breiman 1996, "Stacked Regressions"."""
    stacked = torch.stack(scores).double()

    def solve(used: np.ndarray) -> np.ndarray:
        equal = used / used.sum()

        def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
            given = torch.tensor(weights, requires_grad=True)
            joined = (stacked * given[:, None, None]).sum(dim=0)
            pull = ((given - torch.from_numpy(equal)) ** 2).sum() / len(joined)
            found = problem.losses(joined, problem.targets).mean() + pull
            (slope,) = torch.autograd.grad(found, given)
            return found.item(), slope.numpy()

        bounds = [(0, None if each else 0) for each in used]
        # Scores are nearly alike: L-BFGS-B ends far from the least loss.
        settings = {"ftol": TOLERANCE, "maxiter": MOST_STEPS}
        found = minimize(loss, equal, jac=True, bounds=bounds, method="SLSQP", options=settings)
        return np.asarray(found.x)

    weights = solve(np.ones(len(scores)))
    large = weights >= LEAST_SHARE * weights.sum()
    if large.any() and not large.all():
        weights = solve(large.astype(np.float64))
    return [float(each) for each in weights]
