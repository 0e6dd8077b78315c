"""Trees against walks from node to node; states that no trees have are refused."""

import pytest
import torch

from stateserve.errors import StateMismatch
from stateserve.model.architectures import Columns, Tabular, Trees


def _two_trees() -> Trees:
    """A tree of two questions, and one of none."""
    trees = Trees(2, 6, 3, 2)
    trees.root.copy_(torch.tensor([0, 5]))
    trees.column.copy_(torch.tensor([0, 0, 1, 0, 0, 0]))
    trees.threshold.copy_(torch.tensor([0.5, 0.0, -1.0, 0.0, 0.0, 0.0]))
    trees.child.copy_(torch.tensor([[1, 2], [1, 1], [3, 4], [3, 3], [4, 4], [5, 5]]))
    trees.depth.copy_(torch.tensor([2, 2, 2]))
    value = [[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [0.0, 2.0], [4.0, 4.0], [0.5, 0.25]]
    trees.value.data.copy_(torch.tensor(value))
    return trees


def _module() -> Tabular:
    columns = Columns(2, 2, 0, 0, 0)
    columns.number.copy_(torch.arange(2))
    return Tabular(columns, (), 2, trees=_two_trees()).eval()


def test_the_score_is_the_sum_of_the_leaves() -> None:
    inputs = torch.tensor([[0.5, 3.0], [0.6, -1.0], [0.6, -0.9]])
    expected = torch.tensor([[1.5, 0.25], [0.5, 2.25], [4.5, 4.25]])
    torch.testing.assert_close(_two_trees()(inputs), expected)


def test_a_state_gives_the_same_module_and_the_trees_add_to_its_score() -> None:
    module = _module()
    loaded = Tabular.from_state(module.state_dict())
    encoded = torch.randn(5, 2)
    with torch.inference_mode():
        assert loaded.trees is not None
        expected = module.output(encoded) + module.linear(encoded) + _two_trees()(encoded)
        torch.testing.assert_close(loaded.score(encoded), expected)


def test_a_place_outside_of_the_nodes_or_a_path_too_long_is_refused() -> None:
    state = _module().state_dict()
    wrong = {
        "trees.root": torch.tensor([0, 6], dtype=torch.int32),
        "trees.child": torch.full((6, 2), -1, dtype=torch.int32),
        "trees.column": torch.full((6,), 2, dtype=torch.int32),
        "trees.depth": torch.zeros(65, dtype=torch.int64),
    }
    for name, tensor in wrong.items():
        with pytest.raises(StateMismatch, match=name):
            Tabular.from_state(state | {name: tensor})
    with pytest.raises(StateMismatch, match=r"trees\.child has shape \[6\]"):
        Tabular.from_state(state | {"trees.child": torch.zeros(6, dtype=torch.int32)})
