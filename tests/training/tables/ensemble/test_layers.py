"""Joined networks against the sum of what each of them answers."""

import torch
from torch import nn

from stateserve.model.architectures import Columns, Tabular
from training.tables.ensemble.layers import join
from training.tables.ensemble.members import Members


def _members(width: int, plain: int, outputs: int) -> Members:
    members = Members(3, width, plain, 4, outputs)
    for parameter in members.parameters():
        nn.init.normal_(parameter)
    return members


def test_a_joined_network_answers_the_weighted_sum_of_its_members() -> None:
    torch.manual_seed(0)
    # Three numbers, the first of which has two parts of its range.
    columns = Columns(3, 3, 0, 0, 2)
    columns.number.copy_(torch.arange(3))
    plain, wide = _members(3, 3, 2), _members(5, 3, 2)
    layers = join([plain.mean().widened(5), wide.mean()], [0.5, 2.0])
    module = Tabular(columns, (layers.units,), 2)
    layers.copy_to(module)
    encoded = columns(torch.randn(7, 3))
    expected = 0.5 * plain.scores(encoded[:, :3]).mean(0) + 2.0 * wide.scores(encoded).mean(0)
    torch.testing.assert_close(module.score(encoded), expected)
