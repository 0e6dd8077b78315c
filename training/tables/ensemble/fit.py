"""Train the candidates of an ensemble, weigh them, and join them."""

from dataclasses import dataclass, replace

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from training.tables.ensemble.layers import Layers, join
from training.tables.ensemble.linear import fit_linear, fits_linear
from training.tables.ensemble.members import Trained, train_members
from training.tables.ensemble.problem import Problem
from training.tables.ensemble.trees import grow_trees
from training.tables.ensemble.weights import weigh
from training.tables.loop import Curves, OnStep
from training.tables.plan import TREES, Plan


@dataclass(frozen=True)
class Ensemble:
    """`candidates` with their plans; the rest is of all together, joined. `scores` (rows, outputs)
    are of rows that were held out, `curves` are those of the candidate with the most weight."""

    candidates: list[tuple[Plan, Trained]]
    plan: Plan
    layers: Layers
    scores: Tensor
    curves: Curves
    interrupted: bool


def fit_ensemble(problem: Problem, plans: list[Plan], on_step: OnStep, seed: int) -> Ensemble:
    """Train all plans, trees, and the linear networks that take a short time. Ctrl-C keeps the
    best."""
    found: list[tuple[Plan, Trained]] = []
    interrupted = False
    try:
        for parts in (False, True):
            width = problem.inputs.shape[1] if parts else problem.plain
            if (not parts or width > problem.plain) and fits_linear(problem, width):
                # The threads of BLAS would only wait for each other at so few numbers.
                with threadpool_limits(1):
                    trained, penalty = fit_linear(problem, parts=parts)
                found.append((Plan((), parts, 0.0, penalty, 0, 0, 0.0), trained))
        if problem.class_weights is None:
            grown = grow_trees(problem, TREES, seed)
            found.append((Plan((), False, 0.0, 0.0, 0, 0, 0.0, trees=TREES), grown))
        for plan in plans:
            found.append((plan, train_members(problem, plan, on_step)))
            if found[-1][1].curves.interrupted:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        if not found:
            raise
        interrupted = True
    weights = weigh(problem, [trained.scores for _, trained in found])
    kept = [(each, weight) for each, weight in zip(found, weights, strict=True) if weight]
    layers = join([trained.layers for (_, trained), _ in kept], [weight for _, weight in kept])
    scores = torch.stack([weight * trained.scores for (_, trained), weight in kept]).sum(dim=0)
    # The training of a network with a hidden layer is described, if there is one.
    plan, main = max(kept, key=lambda each: (bool(each[0][0].hidden), each[1]))[0]
    plan = replace(
        plan,
        hidden=(layers.units,) if layers.units else (),
        parts=any(plan.parts for (plan, _), _ in kept),
        trees=max(plan.trees for (plan, _), _ in kept),
    )
    return Ensemble(found, plan, layers, scores, main.curves, interrupted)
