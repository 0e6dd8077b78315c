"""Operators whose kernels read past the end of tensors that do not fit, behind a check.

torch.export writes them for modules that check the shapes before, but a file can call them with
any. Each function here has the operator's arguments and results.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, fx, nn
from torch._ops import OpOverload

from stateserve.model.architectures.exported_program.checks.division import (
    average_pool,
    division,
    division_in_place,
    least_multiple,
)
from stateserve.model.architectures.exported_program.checks.lookup import attention, bag
from stateserve.model.architectures.exported_program.checks.recurrence import recurrence
from stateserve.model.architectures.exported_program.checks.resampling import resampling
from stateserve.model.architectures.exported_program.operators import ACCEPTED

aten = torch.ops.aten
LAST_NORMALIZATION = 2


def batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor,
    running_var: Tensor,
    momentum: float,
    eps: float,
) -> object:
    _require_channels(input, weight, bias, running_mean, running_var)
    return aten._native_batch_norm_legit_no_training.default(
        input, weight, bias, running_mean, running_var, momentum, eps
    )


def batch_norm_of_input(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> object:
    if not training:
        raise ValueError("a batch norm in evaluation mode has no running statistics")
    _require_channels(input, weight, bias)
    return aten._native_batch_norm_legit.no_stats(input, weight, bias, training, momentum, eps)


def _require_channels(input: Tensor, *parts: Tensor | None) -> None:
    channels = input.shape[1] if input.dim() > 1 else -1
    if any(part is not None and part.shape != (channels,) for part in parts) or channels < 0:
        raise ValueError(f"a batch norm of {list(input.shape)} with parts of other lengths")


def weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> object:
    # Axis -1 stands for the norm of the whole tensor, which is computed by other operators.
    if dim != -1:
        _require_norms(v, g, dim)
    return aten._weight_norm.default(v, g, dim)


def weight_norm_interface(v: Tensor, g: Tensor, dim: int = 0) -> object:
    _require_norms(v, g, dim)
    return aten._weight_norm_interface.default(v, g, dim)


def _require_norms(v: Tensor, g: Tensor, dim: int) -> None:
    wanted = [length if axis == dim else 1 for axis, length in enumerate(v.shape)]
    if dim not in range(v.dim()) or list(g.shape) != wanted or g.dtype != v.dtype:
        raise ValueError(f"a weight norm of {list(v.shape)} with {list(g.shape)} on axis {dim}")


def fft_complex(self: Tensor, dim: Sequence[int], normalization: int, forward: bool) -> object:
    _require_axes(self, dim, normalization)
    return aten._fft_c2c.default(self, dim, normalization, forward)


def fft_of_real(self: Tensor, dim: Sequence[int], normalization: int, onesided: bool) -> object:
    _require_axes(self, dim, normalization)
    return aten._fft_r2c.default(self, dim, normalization, onesided)


def fft_to_real(self: Tensor, dim: Sequence[int], normalization: int, last_dim_size: int) -> object:
    _require_axes(self, dim, normalization)
    if last_dim_size < 1 or last_dim_size // 2 + 1 != self.shape[dim[-1]]:
        raise ValueError(f"an inverse FFT of {list(self.shape)} to a length of {last_dim_size}")
    return aten._fft_c2r.default(self, dim, normalization, last_dim_size)


def _require_axes(tensor: Tensor, dim: Sequence[int], normalization: int) -> None:
    axes = [axis % tensor.dim() for axis in dim if -tensor.dim() <= axis < tensor.dim()]
    if not dim or len(set(axes)) != len(dim) or not tensor.numel():
        raise ValueError(f"an FFT of {list(tensor.shape)} along the axes {list(dim)}")
    if normalization not in range(LAST_NORMALIZATION + 1):
        raise ValueError(f"an FFT of normalization {normalization}")


DIVISIONS = (
    *(aten.div.Tensor_mode, aten.div.Scalar_mode),
    *(aten.divide.Tensor_mode, aten.divide.Scalar_mode),
)
DIVISIONS_IN_PLACE = (
    *(aten.div_.Tensor_mode, aten.div_.Scalar_mode),
    *(aten.divide_.Tensor_mode, aten.divide_.Scalar_mode),
)
MULTIPLES = (aten.lcm.default, aten.lcm_.default)
AVERAGES = (aten.avg_pool2d.default, aten.avg_pool3d.default)
# Each with the number of parts in each of its weights.
RECURRENT = {
    aten.lstm.input: 4,
    aten.gru.input: 3,
    aten.rnn_tanh.input: 1,
    aten.rnn_relu.input: 1,
}
BAGS = (aten.embedding_bag.default, aten.embedding_bag.padding_idx, aten._embedding_bag.default)
ATTENTIONS = (
    aten.scaled_dot_product_attention.default,
    aten._scaled_dot_product_attention_math.default,
)
RESAMPLED = tuple(getattr(aten, name).default for name in sorted(ACCEPTED) if "upsample" in name)
CHECKED: dict[OpOverload, Callable[..., object]] = {
    aten._native_batch_norm_legit_no_training.default: batch_norm,
    aten._native_batch_norm_legit.no_stats: batch_norm_of_input,
    aten._weight_norm.default: weight_norm,
    aten._weight_norm_interface.default: weight_norm_interface,
    aten._fft_c2c.default: fft_complex,
    aten._fft_r2c.default: fft_of_real,
    aten._fft_c2r.default: fft_to_real,
}
CHECKED |= {
    **{operator: division(operator) for operator in DIVISIONS},
    **{operator: division_in_place(operator) for operator in DIVISIONS_IN_PLACE},
    **{operator: least_multiple(operator) for operator in MULTIPLES},
    **{operator: average_pool(operator) for operator in AVERAGES},
    **{operator: attention(operator) for operator in ATTENTIONS},
    **{operator: bag(operator) for operator in BAGS},
    **{operator: recurrence(operator, gates) for operator, gates in RECURRENT.items()},
    **{operator: resampling(operator) for operator in RESAMPLED},
}


def check_operators(module: nn.Module) -> None:
    """Put the checks before the operators of a graph, and of the graphs in it."""
    for each in module.modules():
        if isinstance(each, fx.GraphModule):
            for node in each.graph.nodes:
                if node.op == "call_function" and node.target in CHECKED:
                    node.target = CHECKED[node.target]
            each.recompile()
