"""Decision trees of a random forest, as a module. Source: Breiman 2001, "Random Forests"."""

from typing import TypeAlias

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from torch import Tensor

from stateserve.model.architectures import Trees
from training.tables.ensemble.layers import Layers
from training.tables.ensemble.members import Trained
from training.tables.ensemble.problem import PARTS, Problem
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
Forest: TypeAlias = RandomForestClassifier | RandomForestRegressor


def grow_trees(problem: Problem, count: int, seed: int) -> Trained:
    """Grow trees on samples of the rows; each row is scored by the trees that have not seen it,
    or a copy of it: a sample has all copies of a row, or none. Rows in groups are scored by the
    trees of the other groups.

    Classes have no weights: the rows of a rare one would be in each sample.
    """
    # Rows of one person differ: they are no copies, which count as one row in a sample.
    groups = np.arange(len(problem.groups)) if problem.grouped else problem.groups
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    inputs = rounded(problem.inputs[first, : problem.plain].numpy())
    targets = problem.targets.numpy()[first]
    copies = np.bincount(group) if len(first) < len(group) else None
    forest = _forest(problem, inputs, count, seed).fit(inputs, targets, copies)
    if problem.grouped:
        scores = _by_other_groups(problem, forest, inputs, targets)
    else:
        unseen = forest.oob_decision_function_ if problem.classes else forest.oob_prediction_
        # Very few trees have all seen the same row.
        scores = _scores(forest, np.nan_to_num(unseen[group]), problem.outputs)
    factor = 1.0 if problem.classes is None else _factor(problem, scores)
    trees = _trees(forest, problem.outputs, factor)
    nothing = torch.zeros(problem.outputs, problem.inputs.shape[1]), torch.zeros(problem.outputs)
    return Trained(Layers.without_units(*nothing, trees), factor * scores, Curves())


def _forest(problem: Problem, inputs: np.ndarray, count: int, seed: int) -> Forest:
    settings: dict[str, float] = {
        "n_estimators": count,
        "max_depth": MOST_QUESTIONS,
        "max_leaf_nodes": MOST_LEAVES // count,
        "oob_score": not problem.grouped,
        "random_state": seed,
    }
    if len(inputs) > FEW_ROWS:
        # All cores: such trees take as long as the rest of the training.
        settings |= {"max_samples": min(SAMPLE, MOST_NUMBERS // inputs.shape[1]), "n_jobs": -1}
        if problem.classes is None:
            settings["max_features"] = SHARE_OF_COLUMNS
    kind = RandomForestRegressor if problem.classes is None else RandomForestClassifier
    return kind(**settings)


def _by_other_groups(
    problem: Problem, forest: Forest, inputs: np.ndarray, targets: np.ndarray
) -> Tensor:
    """The scores (rows, outputs) of each row by as many trees, grown on other groups."""
    scores = torch.zeros(len(inputs), problem.outputs)
    for mask in problem.held_out[:PARTS].numpy():
        others = clone(forest).fit(inputs[~mask], targets[~mask])
        found = others.predict_proba if problem.classes else others.predict
        scores[mask] = _scores(others, found(inputs[mask]), problem.outputs)
    return scores


def _scores(forest: Forest, found: np.ndarray, outputs: int) -> Tensor:
    """float32 (rows, outputs), from values (rows,) or shares of the classes that it knows."""
    scores = torch.zeros(len(found), outputs)
    scores[:, _known(forest)] = torch.from_numpy(found.reshape(len(found), -1).astype(np.float32))
    return scores


def _known(forest: Forest) -> np.ndarray:
    """int64: the classes that it has seen; 0 for values."""
    return getattr(forest, "classes_", np.zeros(1, np.int64))


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


def _trees(forest: Forest, outputs: int, factor: float) -> Trees:
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
        module.value[:, _known(forest)] = shares.float()
    return module
