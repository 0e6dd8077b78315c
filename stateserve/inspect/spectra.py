"""Singular values of a matrix or convolution, and the ranks that they give."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stateserve.checkpoint import Array
from stateserve.errors import StateMismatch

Matrix = NDArray[np.float64]
# As float64, 128 MiB; and LAPACK needs another copy.
MAX_ELEMENTS = 2**24
# Rows x columns x the smaller of them: a minute of one core, or less.
MAX_OPERATIONS = 10**11
EPSILON = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Spectrum:
    """Of a matrix of `rows` x `columns`: a tensor's first axis by all others together.

    - `singular_values`: descending, float64.
    - `rank`: those above the largest x max(rows, columns) x float32's epsilon, as in
      numpy.linalg.matrix_rank.
    - `effective_rank`: exp of the entropy of the singular values divided by their sum; Roy and
      Vetterli, "The effective rank: A measure of effective dimensionality" (2007).
    - `stable_rank`: squared Frobenius norm over the squared largest singular value; Rudelson and
      Vershynin, "Sampling from large matrices" (2007).
    - `above_random`: those above the largest of a random matrix with the same mean square,
      sqrt(mean square) x (sqrt(rows) + sqrt(columns)); Marchenko and Pastur (1967).

    The ranks of a matrix of zeros are 0.
    """

    rows: int
    columns: int
    singular_values: list[float]
    rank: int
    effective_rank: float
    stable_rank: float
    above_random: int


def matrix_shape(shape: Iterable[int]) -> tuple[int, int] | None:
    """Rows and columns of a tensor as a matrix; None without two axes or without elements."""
    sides = list(shape)
    if len(sides) < 2 or 0 in sides:
        return None
    return sides[0], math.prod(sides[1:])


def require_small(rows: int, columns: int, operations: int = MAX_OPERATIONS) -> None:
    """Raise StateMismatch if the singular values would take too much memory or time."""
    held = columns**2 if rows > columns else rows * columns
    if held > MAX_ELEMENTS or rows * columns * min(rows, columns) > operations:
        raise StateMismatch(
            f"no singular values of {rows} x {columns}: more than {MAX_ELEMENTS} elements in "
            f"memory or {operations} multiplications"
        )


@np.errstate(all="ignore")
def spectrum(
    rows: int, columns: int, chunks: Iterable[Array], operations: int = MAX_OPERATIONS
) -> Spectrum:
    """The spectrum of a matrix whose elements `chunks` yields, flat, in row-major order.

    Of a tall matrix only a few chunks and a square of `columns` are in memory. Raises
    StateMismatch for NaN and infinity, and for a matrix that is too large or needs more
    multiplications than `operations`, as rows x columns x the smaller of them.
    """
    require_small(rows, columns, operations)
    blocks = _blocks(columns, chunks)
    matrix = _triangle(columns, blocks) if rows > columns else np.concatenate(list(blocks))
    values = np.linalg.svd(matrix, compute_uv=False)
    largest = float(values[0])
    if largest == 0:
        return Spectrum(rows, columns, values.tolist(), 0, 0.0, 0.0, 0)
    # Divided first, since squares of very large or small numbers overflow or underflow.
    relative = values / largest
    squares = float((relative**2).sum())
    shares = relative[relative > 0] / relative.sum()
    random = math.sqrt(squares / (rows * columns)) * (math.sqrt(rows) + math.sqrt(columns))
    return Spectrum(
        rows=rows,
        columns=columns,
        singular_values=values.tolist(),
        rank=int((relative > max(rows, columns) * EPSILON).sum()),
        effective_rank=float(np.exp(-(shares * np.log(shares)).sum())),
        stable_rank=squares,
        above_random=int((relative > random).sum()),
    )


def _triangle(columns: int, blocks: Iterable[Matrix]) -> Matrix:
    """A matrix of the same singular values with few rows: the R of the QR decomposition.

    It is found block by block: Demmel et al., "Communication-optimal parallel and sequential QR
    and LU factorizations" (2012).
    """
    waiting: list[Matrix] = []
    for block in blocks:
        waiting.append(block)
        if sum(map(len, waiting)) >= 4 * columns:
            waiting = [np.asarray(np.linalg.qr(np.concatenate(waiting), mode="r"))]
    return np.concatenate(waiting)


def _blocks(columns: int, chunks: Iterable[Array]) -> Iterator[Matrix]:
    """Whole rows in float64, whatever the lengths of the chunks."""
    rest = np.empty(0)
    for chunk in chunks:
        if np.iscomplexobj(chunk):
            raise StateMismatch("no singular values: elements are complex")
        numbers = chunk.astype(np.float64)
        if not np.isfinite(numbers).all():
            raise StateMismatch("no singular values: elements are NaN or infinite")
        numbers = np.concatenate([rest, numbers]) if rest.size else numbers
        whole = len(numbers) // columns * columns
        if whole:
            yield numbers[:whole].reshape(-1, columns)
        rest = numbers[whole:]
