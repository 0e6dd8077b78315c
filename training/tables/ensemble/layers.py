"""The weights of a network with at most one hidden layer, a linear path around it, and trees."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from stateserve.model.architectures import Tabular, Trees


@dataclass(frozen=True)
class Layers:
    """float32: `hidden_weight` (units, width), `hidden_bias` (units,), `output_weight`
    (outputs, units), `linear` (outputs, width) and `bias` (outputs,). Without a hidden layer,
    units is 0. `trees` are None or add to the answer."""

    hidden_weight: Tensor
    hidden_bias: Tensor
    output_weight: Tensor
    linear: Tensor
    bias: Tensor
    trees: Trees | None = None

    @classmethod
    def without_units(cls, linear: Tensor, bias: Tensor, trees: Trees | None = None) -> "Layers":
        """A linear rule, and trees."""
        outputs, width = linear.shape
        nothing = torch.empty(0, width), torch.empty(0), torch.empty(outputs, 0)
        return cls(*nothing, linear, bias, trees)

    @property
    def units(self) -> int:
        return len(self.hidden_bias)

    def widened(self, width: int) -> "Layers":
        """The same network for more inputs, which it does not use."""
        more = (0, width - self.linear.shape[1])
        return Layers(
            functional.pad(self.hidden_weight, more),
            self.hidden_bias,
            self.output_weight,
            functional.pad(self.linear, more),
            self.bias,
            self.trees,
        )

    def copy_to(self, module: Tabular) -> None:
        """Set the weights and the trees of a module; inputs that it lacks are left out."""
        width = module.columns.width
        module.trees = self.trees
        with torch.no_grad():
            module.output.bias.copy_(self.bias)
            if not self.units:
                module.output.weight.copy_(self.linear[:, :width])
                module.linear.weight.zero_()
                return
            hidden: nn.Linear = module.hidden[0]  # type: ignore[assignment]
            hidden.weight.copy_(self.hidden_weight[:, :width])
            hidden.bias.copy_(self.hidden_bias)
            module.output.weight.copy_(self.output_weight)
            module.linear.weight.copy_(self.linear[:, :width])


def join(every: Sequence[Layers], weights: Sequence[float]) -> Layers:
    """One network whose output is the weighted sum of the outputs of `every` network, one of which
    may have trees."""
    pairs = list(zip(every, weights, strict=True))
    trees = None
    for each, weight in pairs:
        if each.trees is not None:
            trees = deepcopy(each.trees)
            trees.value.data.mul_(weight)
    return Layers(
        torch.cat([each.hidden_weight for each in every]),
        torch.cat([each.hidden_bias for each in every]),
        torch.cat([weight * each.output_weight for each, weight in pairs], dim=1),
        torch.stack([weight * each.linear for each, weight in pairs]).sum(dim=0),
        torch.stack([weight * each.bias for each, weight in pairs]).sum(dim=0),
        trees,
    )
