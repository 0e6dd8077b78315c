"""Linear networks against the conditions that their loss has at its least."""

import numpy as np
import torch
from torch.nn import functional

from training.tables.ensemble.linear import fit_linear
from training.tables.ensemble.problem import Problem, hold_out


def _problem(inputs: torch.Tensor, targets: torch.Tensor, classes: int | None) -> Problem:
    groups = np.arange(len(targets))
    held_out = hold_out(targets.numpy(), classes is not None, 5, 0, groups)
    return Problem(inputs, inputs.shape[1], targets, classes, None, held_out, groups)


def test_values_get_the_solution_of_the_normal_equations() -> None:
    torch.manual_seed(0)
    inputs = torch.randn(60, 3)
    targets = inputs @ torch.tensor([1.0, -2.0, 0.0]) + 0.5 + 0.1 * torch.randn(60)
    trained, penalty = fit_linear(_problem(inputs, targets, None), parts=True)
    x, y = inputs.double().numpy(), targets.double().numpy()
    centred = x - x.mean(axis=0)
    expected = np.linalg.solve(
        centred.T @ centred + penalty * np.eye(3), centred.T @ (y - y.mean())
    )
    np.testing.assert_allclose(trained.layers.linear[0].numpy(), expected, atol=1e-5)
    assert ((trained.scores[:, 0] - targets) ** 2).mean() < 0.02


def test_classes_get_weights_where_the_penalised_loss_is_level() -> None:
    torch.manual_seed(0)
    inputs = torch.randn(90, 2)
    targets = (inputs[:, 0] + 0.5 * torch.randn(90) > 0).long() + (inputs[:, 1] > 1).long()
    trained, penalty = fit_linear(_problem(inputs, targets, 3), parts=True)
    weight = trained.layers.linear.clone().requires_grad_()
    logits = inputs @ weight.T + trained.layers.bias
    loss = functional.cross_entropy(logits, targets, reduction="sum")
    (slope,) = torch.autograd.grad(loss + penalty / 2 * (weight**2).sum(), weight)
    assert slope.abs().max() < 0.01 * len(targets)


def test_a_class_that_a_part_lacks_is_unlikely_there_and_known_in_the_end() -> None:
    inputs = torch.arange(20.0)[:, None]
    targets = torch.tensor([0] * 10 + [1] * 9 + [2])
    trained, _ = fit_linear(_problem(inputs, targets, 3), parts=True)
    assert trained.layers.linear.shape == (3, 1)
    assert trained.scores[-1].argmax() != 2
