"""The difference of two state_dicts: changed tensors, added and removed names."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from stateserve.inspect.statistics import SAFE_EXPONENT

# Elements that are copied to float64 at a time: 2 MiB, for a state of any size.
CHUNK = 2**18


@dataclass(frozen=True)
class Outline:
    """A tensor without its values."""

    name: str
    shape: list[int]
    dtype: str


@dataclass(frozen=True)
class Recast:
    """A name that both states have, with different shapes or dtypes."""

    first: Outline
    second: Outline


@dataclass(frozen=True)
class Difference:
    """Second minus first, for tensors of one shape, in float64 over elements finite in both.

    `changed` counts elements whose values differ (NaN equals NaN), `non_finite` those that
    are NaN or infinite in either state. relative_norm is |second - first| / |first| in
    Euclidean norms. A figure is None if it is undefined (no finite elements, division by a
    norm of zero) or too large for float64.
    """

    name: str
    changed: int
    non_finite: int
    max_absolute: float | None
    mean_absolute: float | None
    relative_norm: float | None
    cosine: float | None


@dataclass(frozen=True)
class Comparison:
    """`differences` has every name whose shape is the same in both, in the first state's order.

    `identical`: the names, shapes, dtypes and values are equal; NaN equals NaN.
    """

    identical: bool
    added: list[Outline]
    removed: list[Outline]
    recast: list[Recast]
    differences: list[Difference]


def compare_states(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> Comparison:
    """Compare two states by name. Contiguous tensors are not copied."""
    shared = [(_outline(name, first), _outline(name, second)) for name in first if name in second]
    added = [_outline(name, second) for name in second if name not in first]
    removed = [_outline(name, first) for name in first if name not in second]
    recast = [Recast(a, b) for a, b in shared if a != b]
    differences = [
        _difference(a.name, first[a.name], second[a.name]) for a, b in shared if a.shape == b.shape
    ]
    moved = added or removed or recast or any(difference.changed for difference in differences)
    return Comparison(not moved, added, removed, recast, differences)


def _outline(name: str, state: Mapping[str, Tensor]) -> Outline:
    tensor = state[name]
    return Outline(name, list(tensor.shape), str(tensor.dtype).removeprefix("torch."))


def _difference(name: str, first: Tensor, second: Tensor) -> Difference:
    changed = finite = 0
    largest = 0.0
    shift = _shift(first, second)
    # Over all chunks: sum of |b - a|, and the dot products of b - a, a and b.
    sums = torch.zeros(5, dtype=torch.float64)
    for x, y in zip(_chunks(first), _chunks(second), strict=True):
        a, b = x.double(), y.double()
        # In their own dtype, since float64 cannot represent every int64.
        unequal = x != y if x.dtype == y.dtype else a != b
        changed += int((unequal & ~(a.isnan() & b.isnan())).sum())
        both = a.isfinite() & b.isfinite()
        a, b = a[both], b[both]
        delta = b - a
        if delta.numel():
            finite += delta.numel()
            largest = max(largest, float(delta.abs().max()))
            if shift:
                # Squares of very small or large numbers underflow or overflow.
                a, b = _scaled(a, shift), _scaled(b, shift)
                delta = b - a
            sums += torch.stack([delta.abs().sum(), delta @ delta, a @ a, b @ b, a @ b])
    total, delta_squared, a_squared, b_squared, dot = sums.tolist()
    return Difference(
        name=name,
        changed=changed,
        non_finite=first.numel() - finite,
        max_absolute=_ratio(largest, float(finite > 0)),
        mean_absolute=_ratio(_unscaled(total, shift), finite),
        relative_norm=_ratio(math.sqrt(delta_squared), math.sqrt(a_squared)),
        cosine=_cosine(dot, a_squared, b_squared),
    )


def _shift(first: Tensor, second: Tensor) -> int:
    """The exponent of the largest finite number of both; 0 if its square is safe."""
    largest = 0.0
    for tensor in (first, second):
        for chunk in _chunks(tensor):
            numbers = chunk.double()
            numbers = numbers[numbers.isfinite()]
            if numbers.numel():
                largest = max(largest, float(numbers.abs().max()))
    exponent = math.frexp(largest)[1]
    return exponent if abs(exponent) > SAFE_EXPONENT else 0


def _scaled(numbers: Tensor, shift: int) -> Tensor:
    # In two steps, since 2**-shift itself may overflow float64.
    half = shift // 2
    return numbers * 2.0**-half * 2.0 ** (half - shift)


def _unscaled(total: float, shift: int) -> float:
    try:
        return math.ldexp(total, shift)
    except OverflowError:
        return math.inf


def _chunks(tensor: Tensor) -> tuple[Tensor, ...]:
    return torch.split(tensor.detach().reshape(-1), CHUNK)


def _ratio(numerator: float, denominator: float) -> float | None:
    if denominator == 0 or not math.isfinite(denominator):
        return None
    ratio = numerator / denominator
    return ratio if math.isfinite(ratio) else None


def _cosine(dot: float, a_squared: float, b_squared: float) -> float | None:
    if a_squared == 0 or b_squared == 0:
        return None
    # dot / |a| / |b|, in an order that makes a tensor's cosine with itself exactly 1.
    cosine = _ratio(dot / b_squared, math.sqrt(a_squared / b_squared))
    # Rounding can exceed 1.
    return None if cosine is None else max(-1.0, min(1.0, cosine))
