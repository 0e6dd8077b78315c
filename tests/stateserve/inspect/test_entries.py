"""Entries, totals and values, with NumPy as the oracle."""

import numpy as np

from stateserve.inspect.entries import json_values, totals
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.model import describe_module


def test_values_that_json_lacks_are_null() -> None:
    array = np.array([[1.5, np.nan], [np.inf, -0.0]], np.float32)
    assert json_values(array) == [[1.5, None], [None, -0.0]]
    assert json_values(np.array(2.5)) == 2.5


def test_buffers_are_told_from_parameters() -> None:
    module = Multiclass(batch_norm=True)
    module.hidden.bias.requires_grad_(False)
    entries = {entry.name: entry for entry in describe_module(module)}
    assert list(entries) == list(module.state_dict())
    assert [name for name, entry in entries.items() if entry.kind == "buffer"] == [
        "norm.running_mean",
        "norm.running_var",
        "norm.num_batches_tracked",
    ]
    assert not entries["hidden.bias"].trainable
    assert entries["norm.weight"].trainable
    assert not entries["norm.running_mean"].trainable
    found = totals(list(entries.values()))
    assert found.parameters == sum(p.numel() for p in module.parameters())
    assert found.buffers == sum(b.numel() for b in module.buffers())
