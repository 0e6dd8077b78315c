"""The columns of a table as a module: what training learnt about them is state, in buffers."""

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor, nn

from stateserve.errors import StateMismatch

# A scaled number is bounded smoothly: far values move the output no further.
BOUND = 5.0


class Columns(nn.Module):
    """Rows of a table as numbers of similar size: the first layer of a TableModule.

    Nothing here is a parameter: every tensor is a buffer, computed from the training rows once,
    saved with the state_dict, and changed by no optimizer.

    - `fill` float32 (columns,): a missing value (NaN) becomes this, the median of a number.
    - `number` int64 (numbers,): the columns with numbers or booleans; `mean` and `deviation`
      float32 (numbers,) scale them.
    - `indicator` int64 (indicators,): the columns whose missing values have an output of their own.
    - `category` and `code` int64 (categories,): each is one value of a column, which has an output
      of its own (one-hot).
    - `edge_column` int64 (edges,) and `edge_low`, `edge_high` float32 (edges,): each is a part of
      the range of a number, between two quantiles, and its output goes from 0 to 1 there.

    Source of the last: Gorishniy et al. 2022, "On Embeddings for Numerical Features in Tabular
    Deep Learning", arXiv:2203.05556.
    """

    fill: Tensor
    number: Tensor
    mean: Tensor
    deviation: Tensor
    edge_column: Tensor
    edge_low: Tensor
    edge_high: Tensor
    indicator: Tensor
    category: Tensor
    code: Tensor
    SIZES = ("fill", "number", "indicator", "category", "edge_column")

    def __init__(
        self, columns: int, numbers: int, indicators: int, categories: int, edges: int
    ) -> None:
        super().__init__()
        self.register_buffer("fill", torch.zeros(columns))
        self.register_buffer("number", torch.zeros(numbers, dtype=torch.int64))
        self.register_buffer("mean", torch.zeros(numbers))
        self.register_buffer("deviation", torch.ones(numbers))
        self.register_buffer("indicator", torch.zeros(indicators, dtype=torch.int64))
        self.register_buffer("category", torch.zeros(categories, dtype=torch.int64))
        self.register_buffer("code", torch.zeros(categories, dtype=torch.int64))
        self.register_buffer("edge_column", torch.zeros(edges, dtype=torch.int64))
        self.register_buffer("edge_low", torch.zeros(edges))
        self.register_buffer("edge_high", torch.ones(edges))

    @classmethod
    def sized_as(cls, state: Mapping[str, Tensor]) -> Self:
        """A layer of the sizes of that in the state of a table's module."""
        return cls(*(length(state, f"columns.{name}") for name in cls.SIZES))

    def require_places(self) -> None:
        """Raise StateMismatch for an index outside of the columns: a request would fail."""
        count = len(self.fill)
        for name in ("number", "edge_column", "indicator", "category"):
            places: Tensor = getattr(self, name)
            if len(places) and not 0 <= int(places.min()) <= int(places.max()) < count:
                raise StateMismatch(f"columns.{name} has a place outside of the {count} columns")

    @property
    def width(self) -> int:
        """The number of outputs."""
        return sum(len(getattr(self, name)) for name in self.SIZES[1:])

    def forward(self, x: Tensor) -> Tensor:
        """Map float32 (rows, columns), NaN where a value is missing, to float32 (rows, width)."""
        missing = x.isnan()
        filled = torch.where(missing, self.fill, x)
        scaled = (filled[:, self.number] - self.mean) / self.deviation
        parts = (filled[:, self.edge_column] - self.edge_low) / (self.edge_high - self.edge_low)
        return torch.cat(
            [
                BOUND * torch.tanh(scaled / BOUND),
                missing[:, self.indicator].to(x.dtype),
                (filled[:, self.category] == self.code).to(x.dtype),
                parts.clamp(0, 1),
            ],
            dim=1,
        )


def length(state: Mapping[str, Tensor], name: str) -> int:
    """Of a tensor in a state; 1 if there is none, or it has no axis."""
    tensor = state.get(name)
    return 1 if tensor is None or tensor.dim() == 0 else len(tensor)
