"""The answer of GET /model, as the service writes and a client reads it."""

from dataclasses import dataclass, field

from stateserve.inspect import Totals
from stateserve.model.card import Card
from stateserve.model.model_card import ModelCard


@dataclass(frozen=True)
class Layer:
    """One submodule, with the numbers of its own elements."""

    name: str
    type: str
    text: str
    parameters: int
    buffers: int


@dataclass(frozen=True)
class ModelView:
    """`trainable` is the number of parameters that an optimizer would change.

    `warnings` say what is unknown about the model, for instance without a card.
    """

    name: str
    version: str
    state_sha256: str
    architecture: str
    layers: list[Layer]
    totals: Totals
    trainable: int
    card: Card | ModelCard
    warnings: list[str] = field(default_factory=list)
