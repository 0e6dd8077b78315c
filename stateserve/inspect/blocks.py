"""A tensor of any size as a small picture: each cell has the mean and range of a block of it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stateserve.checkpoint import Array
from stateserve.inspect.statistics import real

Grid = NDArray[np.float32]
MAX_CELLS = 2**16
# A larger tensor is sampled: about a quarter of a second of one core.
MAX_READ = 2**24


@dataclass(frozen=True)
class Blocks:
    """Of a matrix, the first axis by all others together, or a vector as one row.

    `mean`, `low` and `high` are (rows, columns), over the finite elements of each block, NaN
    where there are none. `read` elements of the tensor were read.
    """

    mean: Grid
    low: Grid
    high: Grid
    read: int


def downsample(array: Array, rows: int, columns: int, most: int = MAX_READ) -> Blocks:
    """Divide a tensor into at most `rows` x `columns` blocks, whose sizes differ by at most one.

    Of a tensor of more than about `most` elements, evenly spaced rows of each block are read, and
    where a row is very long, evenly spaced columns. Complex numbers count as their magnitudes.
    """
    lines = array.shape[0] if array.ndim > 1 else 1
    width = math.prod(array.shape) // max(1, lines)
    rows, columns = min(rows, lines), min(columns, width)
    grid = np.full((3, rows, columns), np.nan, np.float32)
    read = 0
    if rows and columns:
        step = max(1, width // max(columns, most // rows))
        starts = -(-(np.arange(columns) * width // columns) // step)
        for row, part in enumerate(_bands(array, rows, width, most // rows)):
            sampled = part[:, ::step]
            read += sampled.size
            grid[:, row] = _reduce(real(sampled).astype(np.float64), starts)
    mean, low, high = grid
    return Blocks(mean, low, high, read)


def _bands(array: Array, rows: int, width: int, most: int) -> Iterator[Array]:
    """Rows of each line of blocks: at least one, and about `most` elements."""
    lines = array.shape[0] if array.ndim > 1 else 1
    for row in range(rows):
        start, end = row * lines // rows, (row + 1) * lines // rows
        step = math.ceil((end - start) / max(1, most // width))
        part = array[start:end:step] if array.ndim > 1 else array
        yield part.reshape(-1, width)


def _reduce(part: NDArray[np.float64], starts: NDArray[np.intp]) -> Grid:
    """Mean, least and largest of the blocks that begin at these columns, (3, blocks)."""
    finite = np.isfinite(part)
    count = np.add.reduceat(finite.sum(axis=0), starts)
    # A mean may overflow, which shows as infinity.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        sums = np.add.reduceat(np.where(finite, part, 0).sum(axis=0), starts)
        low = np.minimum.reduceat(np.where(finite, part, np.inf).min(axis=0), starts)
        high = np.maximum.reduceat(np.where(finite, part, -np.inf).max(axis=0), starts)
        found = np.stack([sums / count, low, high])
        found[:, count == 0] = np.nan
        return found.astype(np.float32)
