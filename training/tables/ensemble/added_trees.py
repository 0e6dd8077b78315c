"""Decision trees beside a network that is trained alone."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from stateserve.model.architectures import Tabular
from training.tables.ensemble.problem import Problem
from training.tables.ensemble.trees import grow_trees
from training.tables.ensemble.weights import weigh
from training.tables.loop import PASS_ROWS, Rows

# The trees are grown on so many rows in all, and on so many encoded numbers.
MOST_ROWS, MOST_NUMBERS = 50_000, 2**25


def add_trees(
    module: Tabular, rows: Rows, held_out: Rows, scores: Tensor, count: int, seed: int
) -> Tensor | None:
    """Grow trees on a sample of the rows and add them to the answer of the module, both with the
    weights of the least loss on the held-out rows, whose `scores` by the module are given.

    Returns their new scores (rows, outputs); None if the trees are of no use.
    """
    columns = module.columns
    plain = columns.width - len(columns.edge_column)
    most = min(MOST_ROWS, MOST_NUMBERS // columns.width)
    chosen = torch.randperm(len(rows.targets), generator=torch.Generator().manual_seed(seed))[:most]
    sample = rows.take(chosen.sort().values)
    classes = scores.shape[1] if module.is_classifier else None
    nothing, groups = torch.zeros(0, 0, dtype=torch.bool), np.arange(len(chosen))
    encoded = _encoded(module, sample)
    problem = Problem(encoded, plain, sample.targets, classes, None, nothing, groups)
    trees = grow_trees(problem, count, seed).layers.trees
    assert trees is not None  # noqa: S101
    with torch.inference_mode():
        parts = torch.split(_encoded(module, held_out), PASS_ROWS)
        found = [scores, torch.cat([trees(part) for part in parts])]
    weights = weigh(replace(problem, targets=held_out.targets), found)
    if not weights[1]:
        return None
    with torch.no_grad():
        for each in (module.output.weight, module.output.bias, module.linear.weight):
            each.mul_(weights[0])
        trees.value.mul_(weights[1])
    module.trees = trees
    return weights[0] * found[0] + weights[1] * found[1]


def _encoded(module: Tabular, rows: Rows) -> Tensor:
    """The columns that trees see, float32 (rows, width)."""
    with torch.inference_mode():
        return torch.cat([*map(module.columns, torch.split(rows.inputs, PASS_ROWS))])
