"""Modules for tables: what they know about their columns is state, and lies in buffers."""

from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Tensor, nn

from stateserve.model.architectures.columns import Columns, length
from stateserve.model.architectures.interval import Interval, with_interval
from stateserve.model.architectures.state_keys import require_same_keys
from stateserve.model.architectures.trees import Trees

NAME = "Tabular"


class TableModule(nn.Module):
    """Rows of a table to log-probabilities of classes, or to values with an interval.

    `columns` has what training learnt about the table, as buffers. A subclass has the network
    between the columns and the answer, `score`.

    Of classes, the buffer `temperature` [] divides the logits. Of values, the buffers `mean` [] and
    `deviation` [] are those of the target, and `interval` has what held-out rows were off by.
    """

    mean: Tensor
    deviation: Tensor
    temperature: Tensor

    def __init__(self, columns: Columns, *, is_classifier: bool) -> None:
        super().__init__()
        self.columns = columns
        self.is_classifier = is_classifier
        if is_classifier:
            self.register_buffer("temperature", torch.ones(()))
        else:
            self.register_buffer("mean", torch.zeros(()))
            self.register_buffer("deviation", torch.ones(()))
            self.interval = Interval()

    def forward(self, x: Tensor) -> Tensor | dict[str, Tensor]:
        """Map float32 (rows, columns), NaN where a value is missing, to float32: log-probabilities
        (rows, classes), or `value` (rows,) and `interval` (rows, 2), its lower and upper end."""
        found = self.score(self.columns(x))
        if self.is_classifier:
            return torch.log_softmax(found / self.temperature, dim=1)
        value, interval = self.interval(found[:, 0] * self.deviation + self.mean)
        return {"value": value, "interval": interval}

    def score(self, encoded: Tensor) -> Tensor:
        """Map the output of `columns` to logits (rows, classes), or to scaled values (rows, 1)."""
        raise NotImplementedError

    def size_interval(self, state: Mapping[str, Tensor]) -> None:
        """Make room for the interval of a state."""
        if not self.is_classifier:
            self.interval = Interval.sized_as(state)

    def require_sound(self) -> None:
        """Raise StateMismatch for buffers with which an answer would fail."""
        self.columns.require_places()
        if not self.is_classifier:
            self.interval.require_ascending()


class Tabular(TableModule):
    """`hidden` are layers of Linear, ReLU and dropout, `output` is the last Linear. `linear` goes
    from the columns to the answer, around the hidden layers: a linear rule needs none of them.
    `trees`, if there are any, add to the answer. Without `classes`, the answer is a value.
    """

    def __init__(
        self,
        columns: Columns,
        hidden: Sequence[int],
        classes: int | None = None,
        *,
        dropout: float = 0.0,
        trees: Trees | None = None,
    ) -> None:
        super().__init__(columns, is_classifier=classes is not None)
        sizes = [columns.width, *hidden]
        self.hidden = nn.ModuleList(map(nn.Linear, sizes, sizes[1:]))
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(sizes[-1], classes or 1)
        self.linear = nn.Linear(columns.width, classes or 1, bias=False)
        self.trees = trees

    def score(self, encoded: Tensor) -> Tensor:
        inner = encoded
        for layer in self.hidden:
            inner = self.dropout(torch.relu(layer(inner)))
        found: Tensor = self.output(inner) + self.linear(encoded)
        return found if self.trees is None else found + self.trees(encoded)

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> Self:
        """Rebuild the module of `state`; its shapes give the sizes.

        The module is in evaluation mode and uses the state's tensors themselves. Raises
        StateMismatch, which lists missing, unexpected and mis-shaped keys, sorted, or a column
        that is none.
        """
        state = with_interval(state)
        count = sum(name.startswith("hidden.") and name.endswith(".weight") for name in state)
        hidden = [length(state, f"hidden.{index}.weight") for index in range(count)]
        classes = length(state, "output.weight") if "temperature" in state else None
        # Meta tensors: no memory and no initialisation for weights that are replaced at once.
        with torch.device("meta"):
            trees = Trees.sized_as(state, "trees.", classes or 1)
            module = cls(Columns.sized_as(state), hidden, classes, trees=trees)
            module.size_interval(state)
        require_same_keys(module.state_dict(), state, NAME)
        module.load_state_dict(state, assign=True)
        module.require_sound()
        if module.trees is not None:
            module.trees.require_places(module.columns.width)
        return module.eval()
