"""Optimizers' tensors, with torch.optim as the oracle."""

from pathlib import Path

import pytest
import torch
from torch import nn

from stateserve.checkpoint.checkpoint import Checkpoint
from stateserve.inspect.entries import describe_state
from stateserve.inspect.optimizer import Slot, is_slot, optimizer_state

OPTIMIZERS = {
    "Adam": {},
    "AdamW": {"amsgrad": True},
    "NAdam": {},
    "Adamax": {},
    "SGD": {"momentum": 0.9},
    "RMSprop": {"momentum": 0.9, "centered": True},
    "Adagrad": {},
    "Adadelta": {},
    "ASGD": {},
    "Rprop": {},
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_is_told_by_what_it_keeps(tmp_path: Path, name: str) -> None:
    net = nn.Linear(3, 2)
    optimizer = getattr(torch.optim, name)(net.parameters(), lr=0.1, **OPTIMIZERS[name])
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    torch.save({"optimizer": optimizer.state_dict()}, tmp_path / "o.pth")
    tensors = Checkpoint.open(tmp_path / "o.pth").states["optimizer"].tensors
    found = optimizer_state(describe_state(tensors))
    assert found.optimizer
    assert name in found.optimizer


def test_slots_are_summed_over_the_parameters() -> None:
    state = {"0.exp_avg": torch.ones(2, 3), "1.exp_avg": torch.ones(4), "0.step": torch.ones(())}
    found = optimizer_state(describe_state(state))
    assert found.slots == [Slot("exp_avg", 2, 10, 40), Slot("step", 1, 1, 4)]
    assert found.optimizer == "Lion"
    assert optimizer_state([]).optimizer is None


def test_names_that_modules_use_are_not_taken_for_an_optimizers() -> None:
    assert is_slot("state.0.exp_avg_sq")
    assert not is_slot("layer.sum")
