"""The interval of a value as a module: its width is state, and lies in buffers."""

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor, nn

from stateserve.errors import StateMismatch
from stateserve.model.architectures.columns import length

PREFIX = "interval."


class Interval(nn.Module):
    """The interval around a value, which held-out rows have measured.

    - `predicted` float32 (knots,), ascending: values of the network.
    - `residuals` float32 (knots, 2): how far below and above such a value the true ones are. They
      are linear between two knots, and constant outside.
    - `limits` float32 (2,): the least and the greatest target of the training rows; or (0,), if
      the target may be negative.

    All are buffers: no optimizer trains them.
    """

    predicted: Tensor
    residuals: Tensor
    limits: Tensor

    def __init__(self, knots: int = 1, limits: int = 0) -> None:
        super().__init__()
        self.register_buffer("predicted", torch.zeros(knots))
        self.register_buffer("residuals", torch.zeros(knots, 2))
        self.register_buffer("limits", torch.zeros(limits))

    @classmethod
    def sized_as(cls, state: Mapping[str, Tensor]) -> Self:
        """An interval of the sizes of that in the state of a table's module."""
        limits = state.get(PREFIX + "limits")
        limited = limits is not None and limits.numel() > 0
        return cls(length(state, PREFIX + "predicted"), 2 if limited else 0)

    def forward(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Map float32 (rows,) to values that are at least the lower limit, and to the lower and
        upper ends (rows, 2). An end exceeds the upper limit only if the value does."""
        if len(self.limits):
            value = torch.maximum(value, self.limits[0])
        gaps = self.predicted[1:] - self.predicted[:-1]
        parts = ((value[:, None] - self.predicted[:-1]) / gaps).clamp(0, 1)
        steps = self.residuals[1:] - self.residuals[:-1]
        ends = value[:, None] + self.residuals[0] + (parts[:, :, None] * steps).sum(dim=1)
        if len(self.limits):
            most = torch.maximum(value, self.limits[1])
            ends = torch.minimum(torch.maximum(ends, self.limits[0]), most[:, None])
        return value, ends

    def require_ascending(self) -> None:
        """Raise StateMismatch for no knots, or knots in no order: an answer would be no number."""
        if not len(self.predicted):
            raise StateMismatch(f"{PREFIX}predicted has no values")
        if not bool((self.predicted[1:] > self.predicted[:-1]).all()):
            raise StateMismatch(f"{PREFIX}predicted is not ascending")


def with_interval(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The state itself; of an older one, whose interval is as wide for all values, a state that has
    this width at a single knot."""
    if "residuals" not in state:
        return state
    found = dict(state)
    residuals = found.pop("residuals")
    found |= {
        f"{PREFIX}predicted": torch.zeros(1),
        f"{PREFIX}residuals": residuals[None],
        f"{PREFIX}limits": torch.zeros(0),
    }
    return found
