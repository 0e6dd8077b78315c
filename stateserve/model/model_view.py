"""What GET /model answers and a client reads: the card, and the module's layers."""

from dataclasses import dataclass, field

from stateserve.inspect import Totals
from stateserve.model.card import Card


@dataclass(frozen=True)
class Layer:
    """One submodule, with the elements that it alone holds."""

    name: str
    type: str
    text: str
    parameters: int
    buffers: int


@dataclass(frozen=True)
class ModelView:
    """`trainable` of the parameters are what an optimizer would change.

    `warnings` say what is not known of the model, as where it has no card.
    """

    name: str
    version: str
    state_sha256: str
    architecture: str
    layers: list[Layer]
    totals: Totals
    trainable: int
    card: Card
    warnings: list[str] = field(default_factory=list)
