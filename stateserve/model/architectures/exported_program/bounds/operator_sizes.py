"""The results of an operator on the device meta: their shapes are known before any memory is."""

from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from math import prod

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._pytree import tree_leaves, tree_map_only

from stateserve.errors import ForwardFailed

aten = torch.ops.aten
META = torch.device("meta")
Arguments = tuple[object, ...]
# The most elements of a result of operators without a kernel for meta: lengths depend on values.
BY_VALUES: dict[OpOverload, Callable[..., float]] = {
    aten.bincount.default: lambda self, _=None, minlength=0: max(
        float(self.max()) + 1 if self.numel() else 0, minlength
    ),
    aten.repeat_interleave.Tensor: lambda repeats, **_: _repeats(repeats),
    # The position of an element has a number for each axis.
    aten.nonzero.default: lambda self: self.numel() * self.dim(),
    aten.masked_select.default: lambda self, mask: prod(_broadcast((self, mask))),
    aten._unique2.default: lambda self, *_, **__: self.numel(),
    aten.unique_consecutive.default: lambda self, *_, **__: self.numel(),
    aten.unique_dim.default: lambda self, *_, **__: self.numel(),
    # A row of the right side gives one of its columns for each column of the left side.
    aten.linalg_lstsq.default: lambda self, b, *_, **__: max(
        self.numel(), b.numel() * max(self.shape[-1], 1)
    ),
}
# No result has more elements than the first argument.
NO_LARGER = frozenset(
    {
        *("_to_copy", "clone", "index_put", "index_put_"),
        *("all", "amax", "amin", "any", "argmax", "argmin", "cumsum", "max", "mean", "min"),
        *("_log_softmax", "_softmax", "prod", "sum", "var"),
        *("_native_batch_norm_legit", "_native_batch_norm_legit_no_training"),
        *("native_batch_norm", "native_group_norm", "native_layer_norm"),
    }
)
# The place of the left factor among the arguments; the right one follows.
PRODUCTS = {
    aten.mm.default: 0,
    aten.bmm.default: 0,
    aten.addmm.default: 1,
    aten.baddbmm.default: 1,
}
# It reads the values in C++, where no operator is seen.
READS_VALUES = aten.tensor_split.tensor_indices_or_sections
ONEDNN = (torch.float32, torch.bfloat16, torch.float16)
ONEDNN_IS_THERE = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
MASKS = (torch.bool, torch.uint8)
FFTS = ("_fft_c2c", "_fft_c2r", "_fft_r2c")
# Measured with MKL: 19 GB for 2^28 - 57 of float32.
PRIME_FFT = 20


def reads_values(func: OpOverload, args: Arguments) -> bool:
    """Whether shapes or numbers that the operator returns depend on values of its tensors."""
    if func is READS_VALUES or func in BY_VALUES or (func is aten.index.Tensor and _masks(args)):
        return True
    makes_number = bool(func._schema.returns) and not _returns_tensors(func)
    return makes_number and not name_of(func).startswith("sym_")


def results_of(func: OpOverload, args: Arguments, kwargs: dict[str, object]) -> object:
    """What the operator would return, or as much, on the device meta, which has no memory.

    Raises NotImplementedError for an operator whose sizes are known only after it ran, and the
    operator's own errors.
    """
    if func.is_view:
        return func(*args, **kwargs)
    # The meta kernels of most of these are slow functions of Python.
    if func in PRODUCTS:
        left, right = args[PRODUCTS[func] :][:2]
        if isinstance(left, Tensor) and isinstance(right, Tensor):
            return torch.empty((*left.shape[:-1], *right.shape[-1:]), device=META)
    if torch.Tag.pointwise in func.tags:
        return torch.empty(_broadcast(tree_leaves(args)), device=META)
    if name_of(func) in NO_LARGER:
        return torch.empty(_broadcast(args[:1]), device=META)
    if func in BY_VALUES:
        size = BY_VALUES[func](*args, **kwargs)
        return torch.empty(int(size), device=META)
    if not _returns_tensors(func):
        return None
    if func is aten.index.Tensor and _masks(args):
        args = (args[0], _positions(args[1]), *args[2:])
    if any(each.name == "device" for each in func._schema.arguments):
        kwargs = {**kwargs, "device": META}
    return func(*tree_map_only(Tensor, _meta, args), **tree_map_only(Tensor, _meta, kwargs))


def temporary_size(func: OpOverload, args: Sequence[object], results: object) -> int:
    """The elements of the copied windows of a convolution that oneDNN does not compute, and what
    the FFT of an axis of a prime length takes."""
    if name_of(func) in FFTS:
        return PRIME_FFT * max(_lengths(*args[:2]), default=0)
    if func is not aten.convolution.default or not isinstance(results, Tensor):
        return 0
    weight = args[1]
    if not isinstance(weight, Tensor) or (weight.dtype in ONEDNN and ONEDNN_IS_THERE):
        return 0
    return results.numel() // max(len(weight), 1) * weight.shape[1:].numel()


def name_of(func: OpOverload) -> str:
    return func._schema.name.removeprefix("aten::")


def _returns_tensors(func: OpOverload) -> bool:
    return any("Tensor" in str(each.type) for each in func._schema.returns)


def _broadcast(values: Iterable[object]) -> list[int]:
    """The lengths of the axes, from the last to the first."""
    shapes = (each.shape[::-1] for each in values if isinstance(each, Tensor))
    return [max(lengths) for lengths in zip_longest(*shapes, fillvalue=1)]


def _lengths(tensor: object, axes: object) -> list[int]:
    if not isinstance(tensor, Tensor) or not isinstance(axes, Sequence):
        return []
    return [tensor.shape[axis] for axis in axes if isinstance(axis, int)]


def _repeats(counts: Tensor) -> float:
    # The kernel writes past its result where a later count is negative.
    if counts.numel() and counts.min() < 0:
        raise ForwardFailed("repeat_interleave with a negative count")
    return float(counts.double().sum())


def _meta(tensor: Tensor) -> Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=META)


def _masks(args: Arguments) -> list[Tensor]:
    indices = args[1] if len(args) > 1 and isinstance(args[1], Sequence) else ()
    return [each for each in indices if isinstance(each, Tensor) and each.dtype in MASKS]


def _positions(indices: object) -> list[object]:
    """The indices with each mask as the positions that it selects."""
    found: list[object] = []
    for each in indices if isinstance(indices, Sequence) else ():
        if isinstance(each, Tensor) and each.dtype in MASKS:
            selected = torch.empty(int(each.count_nonzero()), dtype=torch.int64, device=META)
            found += [selected] * each.dim()
        else:
            found.append(each)
    return found
