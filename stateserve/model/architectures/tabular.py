"""The Tabular network: what it knows about its columns is state, and lies in buffers."""

from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Tensor, nn

from stateserve.errors import StateMismatch
from stateserve.model.architectures.state_keys import require_same_keys

# A scaled number is bounded smoothly: far values move the output no further.
BOUND = 5.0
NAME = "Tabular"


class Columns(nn.Module):
    """Rows of a table as numbers of similar size: the first layer of Tabular.

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


class Tabular(nn.Module):
    """Rows of a table to log-probabilities of classes, or to values with an interval.

    `columns` has what training learnt about the table, as buffers. `hidden` are layers of Linear,
    ReLU and dropout, `output` is the last Linear. `linear` goes from all columns but the parts of
    ranges to the answer, around the hidden layers: a linear rule needs none of them.

    With `classes`, the buffer `temperature` [] divides the logits. Without, the answer is a value:
    the buffers `mean` [] and `deviation` [] are those of the target, and `residuals` [2] are the
    quantiles of what held-out rows were off by.
    """

    mean: Tensor
    deviation: Tensor
    residuals: Tensor
    temperature: Tensor

    def __init__(
        self,
        columns: Columns,
        hidden: Sequence[int],
        classes: int | None = None,
        *,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.columns = columns
        sizes = [columns.width, *hidden]
        self.hidden = nn.ModuleList(map(nn.Linear, sizes, sizes[1:]))
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(sizes[-1], classes or 1)
        plain = columns.width - len(columns.edge_column)
        self.linear = nn.Linear(plain, classes or 1, bias=False)
        self.classes = classes
        if classes is None:
            self.register_buffer("mean", torch.zeros(()))
            self.register_buffer("deviation", torch.ones(()))
            self.register_buffer("residuals", torch.zeros(2))
        else:
            self.register_buffer("temperature", torch.ones(()))

    def forward(self, x: Tensor) -> Tensor | dict[str, Tensor]:
        """Map float32 (rows, columns), NaN where a value is missing, to float32: log-probabilities
        (rows, classes), or `value` (rows,) and `interval` (rows, 2), its lower and upper end."""
        found = self.score(self.columns(x))
        if self.classes is not None:
            return torch.log_softmax(found / self.temperature, dim=1)
        value = found[:, 0] * self.deviation + self.mean
        return {"value": value, "interval": value[:, None] + self.residuals}

    def score(self, encoded: Tensor) -> Tensor:
        """Map the output of `columns` to logits (rows, classes), or to scaled values (rows, 1)."""
        inner = encoded
        for layer in self.hidden:
            inner = self.dropout(torch.relu(layer(inner)))
        around = self.linear(encoded[:, : self.linear.in_features])
        return self.output(inner) + around  # type: ignore[no-any-return]

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> Self:
        """Rebuild the module of `state`; its shapes give the sizes.

        The module is in evaluation mode and uses the state's tensors themselves. Raises
        StateMismatch, which lists missing, unexpected and mis-shaped keys, sorted, or a column
        that is none.
        """
        lengths = [_length(state, f"columns.{name}") for name in Columns.SIZES]
        count = sum(name.startswith("hidden.") and name.endswith(".weight") for name in state)
        hidden = [_length(state, f"hidden.{index}.weight") for index in range(count)]
        classes = _length(state, "output.weight") if "temperature" in state else None
        # Meta tensors: no memory and no initialisation for weights that are replaced at once.
        with torch.device("meta"):
            module = cls(Columns(*lengths), hidden, classes)
        require_same_keys(module.state_dict(), state, NAME)
        module.load_state_dict(state, assign=True)
        for name in ("number", "edge_column", "indicator", "category"):
            _require_columns(name, state[f"columns.{name}"], lengths[0])
        return module.eval()


def _length(state: Mapping[str, Tensor], name: str) -> int:
    tensor = state.get(name)
    return 1 if tensor is None or tensor.dim() == 0 else len(tensor)


def _require_columns(name: str, places: Tensor, columns: int) -> None:
    """An index outside of the columns would fail at the first request."""
    if len(places) and not 0 <= int(places.min()) <= int(places.max()) < columns:
        raise StateMismatch(f"columns.{name} has a place outside of the {columns} columns")
