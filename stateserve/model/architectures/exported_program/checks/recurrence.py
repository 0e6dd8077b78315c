"""Recurrent layers, whose kernels read as much of each weight as they need."""

from collections.abc import Callable, Iterator, Sequence

from torch import Tensor
from torch._ops import OpOverload

# An LSTM has a second state, and four parts in each of its weights.
LSTM_GATES = 4
Shape = tuple[int, ...]


def recurrence(operator: OpOverload, gates: int) -> Callable[..., object]:
    """The operator, with states and weights of the right shapes and dtypes only."""

    def layer(
        input: Tensor,
        hx: Tensor | Sequence[Tensor],
        params: Sequence[Tensor],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> object:
        states = [hx] if isinstance(hx, Tensor) else [*hx]
        if {3} != {each.dim() for each in (input, *states)}:
            raise ValueError("a recurrent layer of an input and states that have not three axes")
        directions = 2 if bidirectional else 1
        output, hidden = states[0].shape[2], states[-1].shape[2]
        cells = (num_layers * directions, input.shape[0 if batch_first else 1])
        wanted: list[Shape] = [(*cells, output)]
        if gates == LSTM_GATES:
            wanted.append((*cells, hidden))
        # A file may claim any number of layers.
        for number in range(min(num_layers, len(params))):
            before = output * directions if number else input.shape[2]
            wanted += [*_weights(gates, before, output, hidden, has_biases)] * directions
        parts = [*states, *params]
        if num_layers < 1 or [each.shape for each in parts] != wanted:
            raise ValueError(f"a recurrent layer of {list(input.shape)} with parts of other shapes")
        if any(each.dtype != input.dtype for each in parts):
            raise ValueError(f"a recurrent layer of {input.dtype} with parts of another dtype")
        return operator(
            *(input, hx, params, has_biases, num_layers),
            *(dropout, train, bidirectional, batch_first),
        )

    return layer


def _weights(
    gates: int, features: int, output: int, hidden: int, has_biases: bool
) -> Iterator[Shape]:
    """The shapes of one direction's weights, with a projection if the output has another width."""
    yield gates * hidden, features
    yield gates * hidden, output
    if has_biases:
        yield from [(gates * hidden,)] * 2
    if output != hidden:
        yield output, hidden
