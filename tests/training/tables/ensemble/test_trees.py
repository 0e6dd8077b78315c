"""Trees that training grows, against the forest of scikit-learn."""

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from torch.nn import functional

from training.tables.ensemble.problem import Problem, hold_out
from training.tables.ensemble.trees import MOST_QUESTIONS, grow_trees, rounded


def _problem(inputs: torch.Tensor, targets: torch.Tensor, classes: int | None) -> Problem:
    groups = np.arange(len(targets))
    held_out = hold_out(targets.numpy(), classes is not None, 5, 0, groups)
    return Problem(inputs, inputs.shape[1], targets, classes, None, held_out, groups)


def _inputs() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.from_numpy(rounded(torch.randn(200, 3).numpy()))


def test_values_are_those_of_the_forest() -> None:
    inputs = _inputs()
    targets = (inputs[:, 0] > 0) + torch.randn(200) / 10
    trained = grow_trees(_problem(inputs, targets, None), 50, 0)
    forest = RandomForestRegressor(50, max_depth=MOST_QUESTIONS, max_leaf_nodes=800)
    forest.set_params(random_state=0).fit(inputs.numpy(), targets.numpy())
    assert trained.layers.trees is not None
    with torch.inference_mode():
        found = trained.layers.trees(inputs)[:, 0]
    np.testing.assert_allclose(found, forest.predict(inputs.numpy()), atol=1e-5)
    assert ((trained.scores[:, 0] - targets) ** 2).mean() < 0.05


def test_the_logits_of_classes_are_shares_of_trees_times_the_best_factor() -> None:
    inputs = _inputs()
    # A class that no row has keeps its place.
    targets = 2 * (inputs[:, 0] + torch.randn(200) / 2 > 0).long()
    problem = _problem(inputs, targets, 3)
    trained = grow_trees(problem, 50, 0)
    forest = RandomForestClassifier(50, max_depth=MOST_QUESTIONS, max_leaf_nodes=800)
    shares = forest.set_params(random_state=0).fit(inputs.numpy(), targets.numpy())
    assert trained.layers.trees is not None
    with torch.inference_mode():
        found = trained.layers.trees(inputs).numpy()
    assert not found[:, 1].any()
    expected = shares.predict_proba(inputs.numpy())
    factor = found[:, [0, 2]].sum() / expected.sum()
    np.testing.assert_allclose(found[:, [0, 2]], factor * expected, atol=1e-4)
    loss = functional.cross_entropy(trained.scores, targets)
    for other in (0.9, 1.1):
        assert functional.cross_entropy(trained.scores * other, targets) >= loss


def test_equal_numbers_stay_equal_where_their_last_bits_differ() -> None:
    numbers = np.float32([0.1, 1.7, -4.2, 0.0, 1e-20])
    near = np.nextafter(numbers, np.float32(9))
    np.testing.assert_allclose(rounded(numbers), numbers, rtol=2**-16)
    assert (rounded(near)[[0, 1, 2]] == rounded(numbers)[[0, 1, 2]]).all()
