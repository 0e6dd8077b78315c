"""The Multiclass network. A model is this code plus a state."""

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor, nn

from stateserve.model.architectures.state_keys import require_same_keys

LAYERS = (
    "float32 hidden.weight [hidden, features], hidden.bias [hidden], "
    "output.weight [classes, hidden], output.bias [classes]"
)


class Multiclass(nn.Module):
    """Linear, ReLU, Linear, LogSoftmax: rows of features to log-probabilities.

    The defaults are those of iris: four features in cm, eight hidden units, three species. With
    `batch_norm` the inputs pass BatchNorm1d first, which adds *buffers* to the state:
    running_mean and running_var are saved and loaded, but no optimizer trains them.

    Source: machinelearningmastery.com, "Save and Load Your PyTorch Models". The module names
    (hidden, output) are the same, so each loader accepts the other's files.
    """

    def __init__(
        self,
        n_features: int = 4,
        n_hidden: int = 8,
        n_classes: int = 3,
        *,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        # Identity has no state, so a model without batch norm has the article's four keys.
        self.norm = nn.BatchNorm1d(n_features) if batch_norm else nn.Identity()
        self.hidden = nn.Linear(n_features, n_hidden)
        self.act = nn.ReLU()
        self.output = nn.Linear(n_hidden, n_classes)
        self.logsoftmax = nn.LogSoftmax(dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map float32 (rows, n_features) to float32 (rows, n_classes) log-probabilities."""
        return self.logsoftmax(self.logits(x))  # type: ignore[no-any-return]

    def logits(self, x: Tensor) -> Tensor:
        """Map float32 (rows, n_features) to float32 (rows, n_classes), before the softmax."""
        return self.output(self.act(self.hidden(self.norm(x))))  # type: ignore[no-any-return]

    def activations(self, x: Tensor) -> dict[str, Tensor]:
        """The output of each layer, (rows, its size), by the layer's name, in order.

        Without forward hooks, since threads share the module and a hook would see all of them.
        """
        outputs = {}
        for name, layer in self.named_children():
            outputs[name] = x = layer(x)
        return outputs

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> Self:
        """Rebuild the module of `state`; its shapes give the sizes.

        The module is in evaluation mode and uses the state's tensors themselves. Raises
        StateMismatch, which lists missing, unexpected and mis-shaped keys, sorted.
        """
        hidden = _matrix_shape(state.get("hidden.weight"), default=(8, 4))
        output = _matrix_shape(state.get("output.weight"), default=(3, hidden[0]))
        batch_norm = any(name.startswith("norm.") for name in state)
        # Meta tensors: no memory and no initialisation for weights that are replaced at once.
        with torch.device("meta"):
            module = cls(hidden[1], hidden[0], output[0], batch_norm=batch_norm)
        require_same_keys(module.state_dict(), state, f"Multiclass ({LAYERS})")
        module.load_state_dict(state, assign=True)
        return module.eval()


def _matrix_shape(tensor: Tensor | None, default: tuple[int, int]) -> tuple[int, int]:
    if tensor is None or tensor.dim() != 2 or 0 in tensor.shape:
        return default
    return tensor.shape[0], tensor.shape[1]
