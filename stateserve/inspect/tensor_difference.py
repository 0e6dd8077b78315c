"""The difference of two tensors, element by element."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stateserve.checkpoint import CHUNK, Array, Values, dtype_name, value_chunks
from stateserve.inspect.statistics import SAFE_EXPONENT, real

# The dtypes of numbers whose squares may be beyond float64.
WIDE = {"float64", "complex128"}


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


# Infinities, and numbers whose difference float64 cannot represent, are counted, not warned of.
@np.errstate(all="ignore")
def difference_of(name: str, first: Values, second: Values) -> Difference:
    """The difference of two tensors of one shape, read in chunks."""
    totals = _Totals(_shift(first, second))
    same_dtype = dtype_name(first) == dtype_name(second)
    for x, y in zip(value_chunks(first, CHUNK), value_chunks(second, CHUNK), strict=True):
        a, b = real(x).astype(np.float64), real(y).astype(np.float64)
        # In their own dtype, since float64 cannot represent every int64.
        unequal = x != y if same_dtype else a != b
        exact = same_dtype and x.dtype.kind in "iu" and x.itemsize == 8
        totals.add(a, b, unequal, _integer_delta(x, y) if exact else b - a)
    return totals.difference(name, math.prod(first.shape))


@dataclass
class _Totals:
    """Of all chunks. `sums` has that of |b - a|, and the dot products of b - a, of a, of b, and
    of a and b, scaled by 2**-shift."""

    shift: int
    changed: int = 0
    finite: int = 0
    finite_changed: int = 0
    largest: float = 0.0
    sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros(5))

    def add(
        self,
        a: NDArray[np.float64],
        b: NDArray[np.float64],
        unequal: NDArray[np.bool_],
        delta: NDArray[np.float64],
    ) -> None:
        if np.isfinite(delta).all():
            moved = finite_moved = int(np.count_nonzero(unequal))
        else:
            moved = int(np.count_nonzero(unequal & ~(np.isnan(a) & np.isnan(b))))
            both = np.isfinite(a) & np.isfinite(b)
            finite_moved = int(np.count_nonzero(unequal & both))
            a, b = a[both], b[both]
            delta = b - a
        self.changed += moved
        self.finite_changed += finite_moved
        self.finite += delta.size
        if not finite_moved and not self.shift:
            # Most chunks of two similar states are equal.
            self.sums[2:] += _dot(a, a)
        elif delta.size:
            self.largest = max(self.largest, float(np.abs(delta).max()))
            if self.shift:
                # Squares of very small or large numbers underflow or overflow.
                a, b = _scaled(a, self.shift), _scaled(b, self.shift)
                delta = b - a
            products = (_dot(delta, delta), _dot(a, a), _dot(b, b), _dot(a, b))
            self.sums += [np.abs(delta).sum(), *products]

    def difference(self, name: str, elements: int) -> Difference:
        total, delta_squared, a_squared, b_squared, dot = self.sums.tolist()
        any_finite = float(self.finite > 0)
        return Difference(
            name=name,
            elements=elements,
            changed=self.changed,
            share=self.changed / elements if elements else 0.0,
            non_finite=elements - self.finite,
            non_finite_changed=self.changed - self.finite_changed,
            distance=_ratio(_unscaled(math.sqrt(delta_squared), self.shift), any_finite),
            norm=_ratio(_unscaled(math.sqrt(a_squared), self.shift), any_finite),
            max_absolute=_ratio(self.largest, any_finite),
            mean_absolute=_ratio(_unscaled(total, self.shift), self.finite),
            relative_norm=_ratio(math.sqrt(delta_squared), math.sqrt(a_squared)),
            cosine=_cosine(dot, a_squared, b_squared),
        )


def _integer_delta(first: Array, second: Array) -> NDArray[np.float64]:
    """Second minus first of integers of 64 bits, rounded once: float64 does not represent all."""
    a, b = first.view(np.uint64), second.view(np.uint64)
    ahead = np.greater_equal(second, first)
    return np.where(ahead, (b - a).astype(np.float64), -(a - b).astype(np.float64))


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
