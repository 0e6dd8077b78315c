"""How long an operator may take: about how many multiplications it computes."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import log2, prod

import torch
from torch import Tag, Tensor, finfo
from torch._ops import OpOverload
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from stateserve.model.architectures.exported_program.bounds.operator_sizes import name_of

# For an element that is read or written: as many as its logarithm, or its part of a sort.
ELEMENT = 128
# Solvers and factorizations of a matrix take as long as so many products with it.
FACTORIZATION = 32
FACTORIZATIONS = ("cholesky", "linalg", "lstsq", "lu_solve", "matrix_exp", "triangular_solve")
# A matrix of one element takes as long as so many multiplications.
MATRIX = 2**14
NO_FACTORIZATIONS = ("linalg_vector_norm", "linalg_cross")
# To find the best order of a product of matrices takes so long for each three of them.
ORDER = 1024
ORDERED = ("chain_matmul", "linalg_multi_dot")
# A product on a CPU takes at most so many times as long as one of float32.
SLOWER = {
    torch.float64: 4,
    torch.complex64: 4,
    torch.int32: 4,
    torch.complex128: 16,
    torch.int64: 128,
}
# Of a type that the CPU does not compute with.
SLOWER_WITHOUT = {torch.bfloat16: ("bf16", 128), torch.float16: ("fp16", 128)}
# A call for each group, each instance of a batch, and each row that is compared.
GROUP, INSTANCE, ROW = 2**19, 2**16, 2**17
# Each element is the sum of a series.
SERIES = ("igamma", "igammac", "special_gammainc", "special_gammaincc")
TERMS = 2**14
# Each result of a pool is computed from a window of this size.
WINDOW = "kernel_size"


def work_of(
    func: OpOverload, args: Sequence[object], kwargs: Mapping[str, object], results: object
) -> float:
    """An upper bound, in multiplications, for these arguments and results."""
    if func.is_view:
        return ELEMENT
    given, made = _tensors((args, kwargs)), _tensors(results)
    name = name_of(func)
    work = float(ELEMENT * (1 + sum(each.numel() for each in (*given, *made))))
    if Tag.pointwise in func.tags:
        return work * (TERMS // ELEMENT if name.removesuffix("_") in SERIES else 1)
    if formula := flop_registry.get(func.overloadpacket):
        work += _slower(given) * float(formula(*args, **kwargs, out_val=results))
    elif name in PRODUCTS:
        work += _slower(given) * PRODUCTS[name](*given)
    elif name == "_trilinear":
        work += _slower(given) * _trilinear(given, args[3:6])
    elif any(part in name for part in FACTORIZATIONS) and name not in NO_FACTORIZATIONS:
        work += FACTORIZATION * sum(map(_products, given)) * _squarings(name, given)
    elif name == "kthvalue":
        work *= _axis_length(given[0], args)
    return work + _calls(name, args) + _window(func, args) * sum(each.numel() for each in made)


def _calls(name: str, args: Sequence[object]) -> int:
    """What the calls take that an operator makes in a loop of C++."""
    if name not in ("convolution", "unique_dim") or not isinstance(given := args[0], Tensor):
        return 0
    if name == "unique_dim":
        return ROW * max(given.shape, default=1)
    groups = args[-1]
    return GROUP * (groups if isinstance(groups, int) else 1) + INSTANCE * len(given)


def work_of_order(
    func: OpOverload, args: Sequence[object], kwargs: Mapping[str, object] | None
) -> float:
    """What an operator computes before it is taken apart into products of two matrices."""
    if name_of(func) not in ORDERED:
        return 0.0
    return float(ORDER * len(_tensors((args, kwargs))) ** 3)


def _slower(given: Sequence[Tensor]) -> int:
    return max((_slower_of(each.dtype) for each in given if each.device.type == "cpu"), default=1)


@cache
def _slower_of(dtype: torch.dtype) -> int:
    if dtype in SLOWER_WITHOUT:
        unit, slower = SLOWER_WITHOUT[dtype]
        known = torch.cpu.get_capabilities()
        return 1 if any(unit in name and there for name, there in known.items()) else slower
    return SLOWER.get(dtype, 1)


def _tensors(values: object) -> list[Tensor]:
    return [each for each in tree_leaves(values) if isinstance(each, Tensor)]


def _products(matrices: Tensor) -> int:
    """The multiplications of each matrix with itself, and what a call for each takes."""
    shape = matrices.shape[-2:]
    return matrices.numel() * min(shape, default=1) + MATRIX * prod(matrices.shape[:-2])


def _squarings(name: str, given: Sequence[Tensor]) -> float:
    """A matrix is halved until its norm is small, its exponential squared as often."""
    if not name.endswith("matrix_exp"):
        return 1
    return max(log2(finfo(each.dtype).max) for each in given)


def _axis_length(tensor: Tensor, args: Sequence[object]) -> int:
    """Of the axis whose k-th value is looked for. Quickselect may part one value at a time."""
    axis = args[2] if len(args) > 2 else -1
    return tensor.shape[axis] if tensor.dim() and isinstance(axis, int) else 1


def _window(func: OpOverload, args: Sequence[object]) -> int:
    names = [each.name for each in func._schema.arguments]
    if WINDOW not in names:
        return 0
    return prod(each for each in tree_leaves(args[names.index(WINDOW)]) if isinstance(each, int))


def _trilinear(given: Sequence[Tensor], unsqueezed: Sequence[object]) -> int:
    """The product of three tensors, each with axes of length 1 at some places."""
    shapes = []
    for tensor, places in zip(given, unsqueezed, strict=True):
        shape = list(tensor.shape)
        for place in sorted(each for each in tree_leaves(places) if isinstance(each, int)):
            shape.insert(place, 1)
        shapes.append(shape)
    return prod(max(lengths) for lengths in zip(*shapes, strict=True))


# The length of an axis that the results do not have is one factor.
PRODUCTS: dict[str, Callable[..., float]] = {
    "_scaled_dot_product_flash_attention_for_cpu": lambda query, key, *_: (
        4 * query.numel() * key.shape[-2]
    ),
    "_cdist_forward": lambda one, other: one.numel() * other.numel(),
    "_pdist_forward": lambda rows: rows.numel() * rows.shape[0],
    "addbmm": lambda _, one, other: one.numel() * other.shape[-1],
    "conv_tbc": lambda rows, weight, _: rows.numel() * weight.shape[0] * weight.shape[-1],
    "_embedding_bag": lambda weight, indices, *_: indices.numel() * weight.shape[-1],
    "multilabel_margin_loss_forward": lambda rows, _: rows.numel() * max(rows.shape, default=1),
}
