"""The activations of any module: what each layer returns for one instance."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from app.errors import InvalidQuery
from stateserve.inspect import Statistics, describe_state, json_values
from stateserve.model import TensorModel, replicate, takes_hooks, tensors_of, to_array
from stateserve.text import nearest

EVERY = "*"
# The most values of a tensor that are shown.
MOST_VALUES = 1024


@dataclass(frozen=True)
class Activation:
    """One tensor that a layer returned, with its batch axis; `values` are those of a small one."""

    layer: str
    type: str
    shape: list[int]
    dtype: str
    statistics: Statistics
    values: object = None


def read_activations(
    model: TensorModel, chosen: str, run: Callable[[nn.Module], object]
) -> list[Activation]:
    """The activations of the layer `chosen`, or of EVERY layer, in the order of their passes.

    `run` runs a replica. A layer that runs several times has several. Raises InvalidQuery for an
    unknown layer, and the errors of `run`.
    """
    # Hooks on the served module would see the passes of other threads.
    replica = replicate(model.module)
    layers = {name: each for name, each in replica.named_modules() if takes_hooks(each)}
    if chosen != EVERY:
        layers = {chosen: _layer(layers, chosen)}
    found: list[Activation] = []
    for name, layer in layers.items():
        layer.register_forward_hook(partial(_note, found, name))
    run(replica)
    return found


def _layer(layers: dict[str, nn.Module], name: str) -> nn.Module:
    if name not in layers:
        raise InvalidQuery(
            f"activations: no layer {name[:200]!r}; the nearest name is {nearest(name, layers)!r}, "
            f"and {EVERY!r} is every layer"
        )
    return layers[name]


def _note(
    found: list[Activation], name: str, layer: nn.Module, _given: object, returned: object
) -> None:
    for tensor in tensors_of(returned):
        # Read now: a later layer may write to the tensor.
        array = to_array(tensor)
        (entry,) = describe_state({name: array})
        values = json_values(array) if array.size <= MOST_VALUES else None
        found.append(
            Activation(
                name, type(layer).__name__, entry.shape, entry.dtype, entry.statistics, values
            )
        )
