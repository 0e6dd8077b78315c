"""What is unusual in a tensor's values: NaN, infinity, constants, rows and columns of zeros."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stateserve.checkpoint import CHUNK, Values, value_chunks

Mask = NDArray[np.bool_]
MOST_LISTED = 20
# A byte of memory for each row and each column.
MAX_LINES = 2**24


@dataclass(frozen=True)
class Found:
    """How many elements are such, and the index of the first in row-major order."""

    count: int
    first: list[int]


@dataclass(frozen=True)
class Dead:
    """How many rows or columns hold only zeros, and the first MOST_LISTED of them."""

    count: int
    first: list[int]


@dataclass(frozen=True)
class Findings:
    """None where there is nothing to find.

    - `constant`: the value of a tensor of two or more elements that are all equal.
    - `dead_rows`: indices of the first axis whose elements are all zero; `dead_columns`: of the
      second, as of a Linear's or convolution's outputs and inputs. Not of a constant tensor, of
      one with fewer than two axes, or with more than MAX_LINES rows and columns.
    """

    nan: Found | None
    infinite: Found | None
    constant: int | float | None
    dead_rows: Dead | None
    dead_columns: Dead | None


@np.errstate(all="ignore")
def find(tensor: Values) -> Findings:
    """Read the tensor once, in chunks. Raises StateMismatch for a dtype that NumPy cannot read."""
    shape = tuple(tensor.shape)
    nan, infinite = _First(shape), _First(shape)
    lines = _Lines(shape) if len(shape) > 1 and shape[0] + shape[1] <= MAX_LINES else None
    first: np.generic | None = None
    constant = math.prod(shape) > 1
    start = 0
    for chunk in value_chunks(tensor, CHUNK):
        if first is None:
            first = chunk[0]
        constant = constant and bool((chunk == first).all())
        nan.see(np.isnan(chunk), start)
        infinite.see(np.isinf(chunk), start)
        if lines is not None:
            lines.see(chunk != 0, start)
        start += chunk.size
    alive = constant or lines is None or first is None
    return Findings(
        nan=nan.found(),
        infinite=infinite.found(),
        constant=_number(first) if constant else None,
        dead_rows=None if alive or lines is None else _dead(lines.rows),
        dead_columns=None if alive or lines is None else _dead(lines.columns),
    )


class _First:
    """Counts elements, and keeps the index of the first."""

    def __init__(self, shape: Sequence[int]) -> None:
        self._shape = shape
        self._count, self._at = 0, 0

    def see(self, mask: Mask, start: int) -> None:
        if not mask.any():
            return
        if not self._count:
            self._at = start + int(mask.argmax())
        self._count += int(np.count_nonzero(mask))

    def found(self) -> Found | None:
        if not self._count:
            return None
        index = np.unravel_index(self._at, self._shape) if self._shape else ()
        return Found(self._count, [int(each) for each in index])


class _Lines:
    """Which rows and columns have an element that is not zero."""

    def __init__(self, shape: Sequence[int]) -> None:
        self.rows, self.columns = np.zeros(shape[0], np.bool_), np.zeros(shape[1], np.bool_)
        self._row, self._cell = math.prod(shape[1:]), math.prod(shape[2:])
        self._searched = True

    def see(self, mask: Mask, start: int) -> None:
        end = start + mask.size
        first = start // self._row
        # Where each row of the chunk begins in it; the first may have begun before.
        bounds = np.arange(first, -(-end // self._row)) * self._row - start
        bounds[0] = 0
        self.rows[first : first + len(bounds)] |= np.logical_or.reduceat(mask, bounds)
        if self._searched:
            # Of most tensors the first chunk has an element of every column.
            at = np.flatnonzero(mask) + start
            self.columns[at % self._row // self._cell] = True
            self._searched = not self.columns.all()


def _dead(alive: Mask) -> Dead | None:
    dead = np.flatnonzero(~alive)
    return Dead(len(dead), dead[:MOST_LISTED].tolist()) if len(dead) else None


def _number(value: np.generic | None) -> int | float | None:
    """JSON has no complex numbers; float64 does not represent all integers of 64 bits."""
    if value is None or np.iscomplexobj(value):
        return None
    return int(value) if isinstance(value, np.integer) else float(value)
