"""The answer of GET /model, as the service writes and a client reads it."""

from dataclasses import dataclass, field

from pydantic import JsonValue

from stateserve.inspect import Totals
from stateserve.model.cards.model_card import ModelCard
from stateserve.model.cards.tabular_card import Card
from stateserve.model.signature import Signature


@dataclass(frozen=True)
class Layer:
    """One submodule, with the numbers of its own elements, without those of its submodules.

    `output_shapes` are those of its tensors for one instance; None if it did not run.
    """

    name: str
    type: str
    text: str
    parameters: int
    buffers: int
    output_shapes: list[list[int]] | None = None


@dataclass(frozen=True)
class ModelView:
    """`trainable` is the number of parameters that an optimizer would change.

    `backend` is the program that runs the forward pass. `example` is a valid body of /predict, or
    None if one would be large; `example_is_noise` says whether it is no picture where a model takes
    pictures. `warnings` say what is unknown about the model, for instance
    without a card. `training_rows` is the number of rows that the card holds, also where they are
    left out of it. `unexplained` says why /explain gives no attributions; None where it does,
    unless an operation of the module has no gradient. `loaded` is when this process read
    the files, in ISO 8601 and UTC.
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
    signature: Signature | None = None
    backend: str | None = None
    example: JsonValue = None
    example_is_noise: bool = False
    training_rows: int = 0
    unexplained: str | None = None
    loaded: str | None = None
