"""A matrix product in which each row's result depends on that row alone, to the last bit.

BLAS adds the terms of a row in an order that depends on the number of rows and on the row's
position. Here the order is always the same.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

# The weights' dtype: float32, or float64.
Columns = NDArray[np.floating]
Product = Callable[[Columns], Columns]
# Up to so many weights, ufuncs are as fast as a call of BLAS for each row.
FEW_WEIGHTS = 512
# Up to so many rows, computing all terms at once is faster; beyond, a term at a time.
FEW_ROWS = 512


def compile_product(weights: Columns) -> Product:
    """Map columns (n_in, rows) to `weights` (n_out, n_in) times them, (n_out, rows)."""
    if weights.size <= FEW_WEIGHTS:
        return _term_by_term(weights)
    return _row_by_row(weights)


def sum_in_order(terms: Columns) -> Columns:
    """The sum over the first axis of C-contiguous `terms`, added one after the other."""
    if terms.size > len(terms):
        return np.add.reduce(terms)  # type: ignore[no-any-return]
    # For a single column, add.reduce would keep eight partial sums.
    return np.add.accumulate(terms)[-1]  # type: ignore[no-any-return]


def _term_by_term(weights: Columns) -> Product:
    """A multiplication and an addition for each term, each with IEEE 754 rounding."""
    by_input = weights.T[:, :, np.newaxis].copy()
    add_up = np.add.reduce if len(weights) > 1 else sum_in_order
    multiply = np.multiply

    def product(columns: Columns) -> Columns:
        if columns.shape[1] <= FEW_ROWS:
            return add_up(multiply(by_input, columns[:, None], order="C"))
        columns = np.ascontiguousarray(columns)
        found: Columns = by_input[0] * columns[0]
        term = np.empty_like(found)
        for weight, column in zip(by_input[1:], columns[1:], strict=True):
            multiply(weight, column, out=term)
            found += term
        return found

    return product


def _row_by_row(weights: Columns) -> Product:
    """A call of BLAS for each row, always with the same shape."""
    n_out, n_in = weights.shape
    # The layout with the longer inner loop; keeping both would double the memory.
    across = n_out > n_in
    matrix = np.ascontiguousarray(weights.T if across else weights)

    def product(columns: Columns) -> Columns:
        rows = np.ascontiguousarray(columns.T)
        if across:
            found = np.matmul(rows[:, np.newaxis], matrix)[:, 0]
        else:
            found = np.matmul(matrix, rows[:, :, np.newaxis])[:, :, 0]
        return np.ascontiguousarray(found.T)

    return product
