"""Decision trees of a random forest, as a module. Source: Breiman 2001, "Random Forests"."""

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from torch import Tensor

from stateserve.model.architectures import Trees
from training.tables.ensemble.layers import Layers
from training.tables.ensemble.members import Trained
from training.tables.ensemble.problem import Problem
from training.tables.loop import Curves

# A path has up to so many questions. All trees together have up to so many leaves.
MOST_QUESTIONS = 16
MOST_LEAVES = 40_000
# The factor between the shares of classes and logits is between the exponentials of these.
FACTORS = (-1.0, 3.5)
# Of more rows, each tree is grown on a sample of so many, and of fewer if they are long.
FEW_ROWS, SAMPLE, MOST_NUMBERS = 20_000, 10_000, 1_000_000
# A split of a value's tree then tries such a share of the columns.
SHARE_OF_COLUMNS = 0.5
# The last bits of an input differ from machine to machine. So inputs are rounded to so many bits,
# and thresholds are moved by a part of a step: the mean of 1 and 3 would be that of other rows.
BITS = 16
PART_OF_A_STEP = 0.3


def grow_trees(problem: Problem, count: int, seed: int) -> Trained:
    """Grow trees on samples of the rows; each row is scored by the trees that have not seen it,
    or a copy of it: a sample has all copies of a row, or none.

    Classes have no weights: the rows of a rare one would be in each sample.
    """
    _, first, group = np.unique(problem.groups, return_index=True, return_inverse=True)
    inputs = rounded(problem.inputs[first, : problem.plain].numpy())
    targets = problem.targets.numpy()[first]
    copies = np.bincount(group) if len(first) < len(group) else None
    settings: dict[str, float] = {
        "n_estimators": count,
        "max_depth": MOST_QUESTIONS,
        "max_leaf_nodes": MOST_LEAVES // count,
        "oob_score": True,
        "random_state": seed,
    }
    if len(inputs) > FEW_ROWS:
        # All cores: such trees take as long as the rest of the training.
        settings |= {"max_samples": min(SAMPLE, MOST_NUMBERS // inputs.shape[1]), "n_jobs": -1}
        if problem.classes is None:
            settings["max_features"] = SHARE_OF_COLUMNS
    forest: RandomForestClassifier | RandomForestRegressor
    if problem.classes is None:
        forest = RandomForestRegressor(**settings).fit(inputs, targets, copies)
        unseen = forest.oob_prediction_[:, None]
        known = np.zeros(1, np.int64)
    else:
        forest = RandomForestClassifier(**settings).fit(inputs, targets, copies)
        unseen, known = forest.oob_decision_function_, forest.classes_
    scores = torch.zeros(len(group), problem.outputs)
    # Very few trees have all seen the same row.
    scores[:, known] = torch.from_numpy(np.nan_to_num(unseen[group]).astype(np.float32))
    factor = 1.0 if problem.classes is None else _factor(problem, scores)
    trees = _trees(forest, known, problem.outputs, factor)
    nothing = torch.zeros(problem.outputs, problem.inputs.shape[1]), torch.zeros(problem.outputs)
    return Trained(Layers.without_units(*nothing, trees), factor * scores, Curves())


def rounded(inputs: np.ndarray) -> np.ndarray:
    """float32 numbers with BITS bits of their mantissas."""
    mantissas, exponents = np.frexp(inputs)
    return np.asarray(np.ldexp(np.round(np.ldexp(mantissas, BITS)), exponents - BITS), np.float32)


def _factor(problem: Problem, shares: Tensor) -> float:
    """What makes the shares of the classes logits with the least held-out loss."""
    found = minimize_scalar(
        lambda power: problem.loss(float(np.exp(power)) * shares), bounds=FACTORS, method="bounded"
    )
    return float(np.exp(found.x))


def _trees(
    forest: RandomForestClassifier | RandomForestRegressor,
    known: np.ndarray,
    outputs: int,
    factor: float,
) -> Trees:
    """The same trees as one list of nodes; their mean, times `factor`, is the score."""
    every = [each.tree_ for each in forest.estimators_]
    counts = np.array([each.node_count for each in every])
    roots = np.cumsum(counts) - counts
    child = np.concatenate(
        [
            np.stack([each.children_left, each.children_right], axis=1) + root
            for each, root in zip(every, roots, strict=True)
        ]
    )
    column = np.concatenate([each.feature for each in every])
    leaf = column < 0
    child[leaf] = np.flatnonzero(leaf)[:, None]
    depth, level = [], roots
    while len(level):
        depth.append(len(level))
        level = child[level[~leaf[level]]].flatten()
    threshold = np.concatenate([each.threshold for each in every])
    threshold += PART_OF_A_STEP * np.ldexp(np.abs(threshold), -BITS)
    value = np.concatenate([each.value[:, 0] for each in every])
    module = Trees(len(roots), len(leaf), len(depth), outputs)
    module.root.copy_(torch.from_numpy(roots))
    module.column.copy_(torch.from_numpy(np.where(leaf, 0, column)))
    module.threshold.copy_(torch.from_numpy(np.where(leaf, 0, threshold)))
    module.child.copy_(torch.from_numpy(child))
    module.depth.copy_(torch.tensor(depth))
    with torch.no_grad():
        shares = torch.from_numpy(np.where(leaf[:, None], value, 0) * factor / len(every))
        module.value[:, known] = shares.float()
    return module
