"""A module of the user behind the columns of a table."""

from collections.abc import Mapping
from typing import Self

from torch import Tensor, nn

from stateserve.model.architectures.columns import Columns
from stateserve.model.architectures.interval import with_interval
from stateserve.model.architectures.state_fit import load_strictly
from stateserve.model.architectures.tabular import TableModule


class CustomTabular(TableModule):
    """`network` maps the encoded columns, float32 (rows, width), to logits or log-probabilities
    (rows, classes), or to scaled values (rows, 1) or (rows,)."""

    def __init__(self, columns: Columns, network: nn.Module, *, is_classifier: bool) -> None:
        super().__init__(columns, is_classifier=is_classifier)
        self.network = network

    def score(self, encoded: Tensor) -> Tensor:
        found: Tensor = self.network(encoded)
        return found[:, None] if found.dim() == 1 else found

    @classmethod
    def from_state(cls, network: nn.Module, state: Mapping[str, Tensor], what: str) -> Self:
        """The module with this state, in evaluation mode; `what` names it in errors.

        Raises StateMismatch.
        """
        state = with_interval(state)
        module = cls(Columns.sized_as(state), network, is_classifier="temperature" in state)
        module.size_interval(state)
        load_strictly(module, state, what)
        module.require_sound()
        return module.eval()
