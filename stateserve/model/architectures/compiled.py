"""Multiclass's forward in NumPy, for serving: the same computation over the same weights.

For so small a network PyTorch's dispatcher takes longer than the computation. With a column per
instance, features and classes are the short axis, and each operation is one long vector loop.
Predictor.load checks it against the card's golden prediction, and the tests against the module.

A row's answer is bit-identical alone, in any batch, and at any position in it: each step is
elementwise, or adds in an order that depends only on the model's sizes.
"""

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.architectures.product import Product, compile_product

# The caller checks for infinity and NaN; np.errstate would take as long as a matmul.
warnings.filterwarnings(
    "ignore",
    category=RuntimeWarning,
    module=r"stateserve\.model\.architectures\.(compiled|product)",
)
FloatArray = NDArray[np.float32]
# So many inputs and activations at a time stay in the processor's cache.
CACHED_NUMBERS = 2**17
# From so many rows on, comparing class by class is faster than NumPy's argmax of short rows.
MANY_ROWS = 1024
FEW_CLASSES = 16
Forward = Callable[[FloatArray], FloatArray]


def compile_forward(module: Multiclass) -> Forward:
    """Map float32 (rows, n_features) to float32 (rows, n_classes) log-probabilities.

    The arrays share the module's memory, which does not change. If a sum overflows, the result
    is infinity or NaN, as from the module.
    """
    forward = _compile_block(module)
    n_hidden, n_features = module.hidden.weight.shape
    n_classes = module.output.out_features
    step = max(1, CACHED_NUMBERS // (n_features + n_hidden))

    def forward_all(rows: FloatArray) -> FloatArray:
        return forward(rows) if len(rows) <= step else _in_blocks(forward, rows, n_classes, step)

    return forward_all


def _compile_block(module: Multiclass) -> Forward:
    # Not recursive: a reference cycle would keep the weights of a replaced model until the
    # garbage collector runs, which is rare.
    first, b1 = _layer(module.hidden)
    second, b2 = _layer(module.output)
    normalise = _compile_norm(module.norm) if isinstance(module.norm, nn.BatchNorm1d) else None

    add_up, accumulate = np.add.reduce, np.add.accumulate

    def forward(rows: FloatArray) -> FloatArray:
        count = rows.shape[0]
        columns = rows.T if normalise is None else normalise(rows.T)
        hidden = first(columns)
        hidden += b1
        np.maximum(hidden, 0, out=hidden)
        logits = second(hidden)
        logits += b2
        # log-softmax; the largest logit is subtracted first, so that exp cannot overflow.
        logits -= np.maximum.reduce(logits)
        exponentials = np.exp(logits)
        # As sum_in_order, inlined for speed.
        logits -= np.log(add_up(exponentials) if count > 1 else accumulate(exponentials)[-1])
        return logits.T

    return forward


def _in_blocks(forward: Forward, rows: FloatArray, n_classes: int, step: int) -> FloatArray:
    found = np.empty((n_classes, len(rows)), np.float32)
    for start in range(0, len(rows), step):
        found[:, start : start + step] = forward(rows[start : start + step]).T
    return found.T


def most_probable(log_probabilities: FloatArray) -> NDArray[np.int64]:
    """The index (rows,) of each row's highest value; of equal ones, the lowest index."""
    rows, n_classes = log_probabilities.shape
    if rows < MANY_ROWS or n_classes > FEW_CLASSES:
        return log_probabilities.argmax(axis=1)  # type: ignore[no-any-return]
    columns = log_probabilities.T
    highest = columns[0].copy()
    found = np.zeros(rows, np.int8)
    for index in range(1, n_classes):
        higher = (columns[index] > highest).view(np.int8)
        np.maximum(found, higher * np.int8(index), out=found)
        np.maximum(highest, columns[index], out=highest)
    return found.astype(np.int64)


def _layer(linear: nn.Linear) -> tuple[Product, FloatArray]:
    # Adding 0 turns a bias of -0.0 into 0.0: then no sum is -0.0, which max may or may not keep.
    return compile_product(_array(linear.weight)), _array(linear.bias)[:, np.newaxis] + 0


def _compile_norm(norm: nn.BatchNorm1d) -> Forward:
    state = {name: _array(tensor)[..., np.newaxis] for name, tensor in norm.state_dict().items()}
    scale = state["weight"] / np.sqrt(state["running_var"] + np.float32(norm.eps))
    mean, bias = state["running_mean"], state["bias"]
    return lambda columns: (columns - mean) * scale + bias


def _array(tensor: Tensor) -> FloatArray:
    return tensor.detach().numpy()
