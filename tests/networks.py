"""Small modules with known properties."""

import numpy as np
import torch

from stateserve.model.architectures.multiclass import Multiclass


def seeded(seed: int, *sizes: int, batch_norm: bool = False) -> Multiclass:
    # Not torch.manual_seed: it also keeps a stack trace for each kind of device, milliseconds.
    torch.default_generator.manual_seed(seed)
    module = Multiclass(*sizes, batch_norm=batch_norm)
    if batch_norm:
        module(torch.randn(50, sizes[0]) * 3 + 1)
    return module.eval()


def linear(seed: int, n_features: int = 4, n_classes: int = 3) -> tuple[Multiclass, np.ndarray]:
    """A module whose every ReLU is active near 0, and the weights of its logits."""
    module = seeded(seed, n_features, 6, n_classes)
    with torch.no_grad():
        module.hidden.bias.add_(20)
        # The shift by 20 changes every logit; subtract its effect.
        module.output.bias.sub_(module.output.weight.sum(dim=1) * 20)
    weight = (module.output.weight.double() @ module.hidden.weight.double()).detach().numpy()
    return module, weight
