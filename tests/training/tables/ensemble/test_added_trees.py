"""Decision trees beside a network that is trained alone."""

import numpy as np
import torch

from stateserve.model.architectures import Columns, Tabular
from training.tables.ensemble import add_trees
from training.tables.loop import Rows, initial, scores_of


def _rows(count: int, seed: int, *, classify: bool) -> Rows:
    inputs = torch.rand(count, 2, generator=torch.Generator().manual_seed(seed))
    steps = (inputs[:, 0] > 0.3) ^ (inputs[:, 1] > 0.6)
    return Rows(inputs, steps.long() if classify else steps.float())


def _module(classes: int | None) -> Tabular:
    torch.manual_seed(0)
    module = initial(Tabular(Columns(2, 2, 0, 0, 0), [4], classes))
    module.columns.number.copy_(torch.tensor([0, 1]))
    return module.eval()


def test_trees_find_steps_that_a_network_has_missed() -> None:
    for classes in (None, 2):
        module = _module(classes)
        rows, held_out = (_rows(400, seed, classify=classes is not None) for seed in range(2))
        before = scores_of(module, held_out.inputs)
        found = add_trees(module, rows, held_out, before, 20, seed=0)
        assert found is not None
        assert torch.allclose(scores_of(module, held_out.inputs), found, atol=1e-5)
        answers = found.argmax(dim=1) if classes else found[:, 0] > 0.5
        assert float((answers == held_out.targets.bool()).double().mean()) > 0.95


def test_trees_of_no_use_are_left_out() -> None:
    module = _module(None)
    with torch.no_grad():
        module.linear.weight.copy_(torch.tensor([[1.0, -1.0]]))
    random = np.random.default_rng(0)
    inputs = torch.from_numpy(random.uniform(-0.5, 0.5, size=(300, 2)).astype(np.float32))
    held_out = Rows(inputs, scores_of(module, inputs)[:, 0])
    noise = Rows(inputs, torch.from_numpy(random.normal(size=300).astype(np.float32)))
    scores = scores_of(module, inputs)
    assert add_trees(module, noise, held_out, scores, 30, seed=0) is None
    assert module.trees is None
