"""Statistics and histograms of a tensor's elements, computed in chunks."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stateserve.checkpoint import CHUNK, Array, Values, value_chunks

Chunk = NDArray[np.float64]
Dtype = TypeVar("Dtype", bound=np.generic)
MAX_BINS = 1000
# Squares of float64 numbers beyond 2**±512 overflow or underflow; such tensors are scaled first.
SAFE_EXPONENT = 400


@dataclass(frozen=True)
class Statistics:
    """Over the finite elements, in float64; None if there are none.

    min and max of integers are integers, and exact. std is the population's; norm is the Euclidean
    norm, None if it overflows float64.
    """

    min: int | float | None
    max: int | float | None
    mean: float | None
    std: float | None
    norm: float | None
    zeros: int
    non_finite: int


@np.errstate(all="ignore")
def statistics(tensor: Values) -> Statistics:
    """Statistics of a tensor of any shape; it is read in chunks, twice, and not copied.

    Those of complex numbers are of their magnitudes.
    """
    lowest: int | float = math.inf
    highest: int | float = -math.inf
    finite = zeros = 0
    for chunk in _finite(_exact_chunks(tensor)):
        lowest, highest = min(lowest, chunk.min().item()), max(highest, chunk.max().item())
        finite += chunk.size
        zeros += chunk.size - int(np.count_nonzero(chunk))
    non_finite = math.prod(tensor.shape) - finite
    if not finite:
        return Statistics(None, None, None, None, None, zeros, non_finite)
    mean, std, norm = _moments(tensor, max(-lowest, highest))
    return Statistics(lowest, highest, mean, std, norm, zeros, non_finite)


def _moments(tensor: Values, largest: float) -> tuple[float | None, float | None, float | None]:
    """Mean, standard deviation and norm, given the largest absolute value.

    Chunks are merged as in Chan, Golub and LeVeque, "Updating Formulae and a Pairwise
    Algorithm for Computing Sample Variances" (1979), which subtracts no large sums.
    """
    exponent = math.frexp(largest)[1]
    shift = exponent if abs(exponent) > SAFE_EXPONENT else 0
    count, mean, squares = 0, 0.0, 0.0
    for chunk in _finite(_tensor_chunks(tensor)):
        scaled = np.ldexp(chunk, -shift) if shift else chunk
        chunk_mean = float(scaled.mean())
        deviations = scaled - chunk_mean
        deviations *= deviations
        total, step = count + chunk.size, chunk_mean - mean
        squares += float(deviations.sum()) + step * step * count * chunk.size / total
        mean += step * chunk.size / total
        count = total
    norm = math.sqrt(squares + count * mean * mean)
    return _unscale(mean, shift), _unscale(math.sqrt(squares / count), shift), _unscale(norm, shift)


def _unscale(value: float, shift: int) -> float | None:
    try:
        return math.ldexp(value, shift)
    except OverflowError:
        return None


@dataclass(frozen=True)
class Histogram:
    """counts (bins,) of the finite elements between edges (bins + 1,), ascending."""

    counts: list[int]
    edges: list[float]


@np.errstate(all="ignore")
def histogram(tensor: Values, bins: int) -> Histogram:
    """Count the finite elements, of any shape and strides, in bins of equal width."""
    bounds = [(chunk.min(), chunk.max()) for chunk in _finite(_tensor_chunks(tensor))]
    lowest = float(min((low for low, _ in bounds), default=0.0))
    highest = float(max((high for _, high in bounds), default=1.0))
    try:
        edges = np.histogram_bin_edges([], bins, (lowest, highest))
    except ValueError:
        # float64 has fewer steps between min and max than there are bins.
        margin = max(0.5, abs(lowest) * 1e-9)
        lowest, highest = lowest - margin, lowest + margin
        edges = np.histogram_bin_edges([], bins, (lowest, highest))
    counts = np.zeros(bins, np.int64)
    for chunk in _finite(_tensor_chunks(tensor)):
        counts += np.histogram(chunk, bins, (lowest, highest))[0]
    return Histogram(counts.tolist(), edges.tolist())


def _tensor_chunks(tensor: Values) -> Iterator[Chunk]:
    for chunk in value_chunks(tensor, CHUNK):
        yield real(chunk).astype(np.float64)


def _exact_chunks(tensor: Values) -> Iterator[Array]:
    """Integers as they are, since float64 does not represent all of 64 bits."""
    for chunk in value_chunks(tensor, CHUNK):
        yield chunk if chunk.dtype.kind in "iu" else real(chunk).astype(np.float64)


def real(array: Array) -> Array:
    """The array itself, or the magnitudes of complex numbers."""
    return np.abs(array) if np.iscomplexobj(array) else array


def _finite(chunks: Iterable[NDArray[Dtype]]) -> Iterator[NDArray[Dtype]]:
    """The finite elements of each chunk that has any; each is valid until the next."""
    for chunk in chunks:
        mask = np.isfinite(chunk)
        finite = chunk if mask.all() else chunk[mask]
        if finite.size:
            yield finite
