"""The difference of two state_dicts: changed tensors, added and removed names."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stateserve.checkpoint import CHUNK, Values, dtype_name, first_names, value_chunks
from stateserve.inspect.statistics import SAFE_EXPONENT, real

# The dtypes of numbers whose squares may be beyond float64.
WIDE = {"float64", "complex128"}


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

    `changed` counts elements whose values differ (NaN equals NaN), `share` is their part of
    `elements`. `non_finite` counts those that are NaN or infinite in either state, and
    `non_finite_changed` those of them that differ. `distance` is |second - first| and `norm`
    |first| in Euclidean norms; relative_norm is their ratio. A figure is None if it is undefined
    (no finite elements, division by a norm of zero) or too large for float64. Of complex numbers
    the magnitudes are compared.
    """

    name: str
    elements: int
    changed: int
    share: float
    non_finite: int
    non_finite_changed: int
    distance: float | None
    norm: float | None
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


def compare_states(first: Mapping[str, Values], second: Mapping[str, Values]) -> Comparison:
    """Compare two states by name. Contiguous tensors are not copied; two of several names are
    compared once."""
    shared = [(_outline(name, first), _outline(name, second)) for name in first if name in second]
    added = [_outline(name, second) for name in second if name not in first]
    removed = [_outline(name, first) for name in first if name not in second]
    recast = [Recast(a, b) for a, b in shared if a != b]
    alike = [a.name for a, b in shared if a.shape == b.shape]
    differences = list(_differences(alike, first, second))
    moved = added or removed or recast or any(difference.changed for difference in differences)
    return Comparison(not moved, added, removed, recast, differences)


def exceeding(comparison: Comparison, tolerance: float) -> list[str]:
    """Names of tensors that are in one state only, or differ by more than `tolerance`.

    A tensor differs by more if its shapes differ, if |second - first| > tolerance x |first|, or
    if elements changed that are NaN or infinite in either state. dtypes may differ.
    """
    outlines = [*comparison.removed, *comparison.added]
    reshaped = [each.first for each in comparison.recast if each.first.shape != each.second.shape]
    return [outline.name for outline in (*outlines, *reshaped)] + [
        each.name
        for each in comparison.differences
        if each.non_finite_changed
        or (each.changed and (each.relative_norm is None or each.relative_norm > tolerance))
    ]


def _differences(
    names: Iterable[str], first: Mapping[str, Values], second: Mapping[str, Values]
) -> Iterator[Difference]:
    known: dict[tuple[str, str], Difference] = {}
    firsts, seconds = first_names(first), first_names(second)
    for name in names:
        pair = firsts[name], seconds[name]
        if pair not in known:
            known[pair] = _difference(name, first[name], second[name])
        yield replace(known[pair], name=name)


def _outline(name: str, state: Mapping[str, Values]) -> Outline:
    tensor = state[name]
    return Outline(name, list(tensor.shape), dtype_name(tensor))


# Infinities, and numbers whose difference float64 cannot represent, are counted, not warned of.
@np.errstate(all="ignore")
def _difference(name: str, first: Values, second: Values) -> Difference:
    changed = finite = finite_changed = 0
    largest = 0.0
    shift = _shift(first, second)
    same_dtype = dtype_name(first) == dtype_name(second)
    # Over all chunks: sum of |b - a|, and the dot products of b - a, a and b.
    sums = np.zeros(5)
    for x, y in zip(value_chunks(first, CHUNK), value_chunks(second, CHUNK), strict=True):
        a, b = real(x).astype(np.float64), real(y).astype(np.float64)
        # In their own dtype, since float64 cannot represent every int64.
        unequal = x != y if same_dtype else a != b
        delta = b - a
        if np.isfinite(delta).all():
            moved = finite_moved = int(np.count_nonzero(unequal))
        else:
            moved = int(np.count_nonzero(unequal & ~(np.isnan(a) & np.isnan(b))))
            both = np.isfinite(a) & np.isfinite(b)
            finite_moved = int(np.count_nonzero(unequal & both))
            a, b = a[both], b[both]
            delta = b - a
        changed, finite_changed = changed + moved, finite_changed + finite_moved
        finite += delta.size
        if not finite_moved and not shift:
            # Most chunks of two similar states are equal.
            sums[2:] += _dot(a, a)
            continue
        if delta.size:
            largest = max(largest, float(np.abs(delta).max()))
            if shift:
                # Squares of very small or large numbers underflow or overflow.
                a, b = _scaled(a, shift), _scaled(b, shift)
                delta = b - a
            products = (_dot(delta, delta), _dot(a, a), _dot(b, b), _dot(a, b))
            sums += [np.abs(delta).sum(), *products]
    total, delta_squared, a_squared, b_squared, dot = sums.tolist()
    elements = math.prod(first.shape)
    return Difference(
        name=name,
        elements=elements,
        changed=changed,
        share=changed / elements if elements else 0.0,
        non_finite=elements - finite,
        non_finite_changed=changed - finite_changed,
        distance=_ratio(_unscaled(math.sqrt(delta_squared), shift), float(finite > 0)),
        norm=_ratio(_unscaled(math.sqrt(a_squared), shift), float(finite > 0)),
        max_absolute=_ratio(largest, float(finite > 0)),
        mean_absolute=_ratio(_unscaled(total, shift), finite),
        relative_norm=_ratio(math.sqrt(delta_squared), math.sqrt(a_squared)),
        cosine=_cosine(dot, a_squared, b_squared),
    )


def _dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    # OpenBLAS would use threads, which take 50 times as long when other programs use the cores.
    return float(np.einsum("i,i", a, b))


def _shift(first: Values, second: Values) -> int:
    """The exponent of the largest finite number of both; 0 if its square is safe."""
    if not {dtype_name(first), dtype_name(second)} & WIDE:
        return 0
    largest = 0.0
    for tensor in (first, second):
        for chunk in value_chunks(tensor, CHUNK):
            numbers = real(chunk).astype(np.float64)
            numbers = numbers[np.isfinite(numbers)]
            if numbers.size:
                largest = max(largest, float(np.abs(numbers).max()))
    exponent = math.frexp(largest)[1]
    return exponent if abs(exponent) > SAFE_EXPONENT else 0


def _scaled(numbers: NDArray[np.float64], shift: int) -> NDArray[np.float64]:
    # In two steps, since 2**-shift itself may overflow float64.
    half = shift // 2
    return numbers * 2.0**-half * 2.0 ** (half - shift)


def _unscaled(total: float, shift: int) -> float:
    try:
        return math.ldexp(total, shift)
    except OverflowError:
        return math.inf


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
