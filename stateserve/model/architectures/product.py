"""A matrix times rows, where each row's product depends on that row alone, to the last bit.

BLAS adds a row's terms in an order that depends on how many rows it is given, and on the
row's place among them. Here the order is one and the same for a row alone, in a batch, and
at every place of it.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

# The weights' dtype: float32, or float64.
Columns = NDArray[np.floating]
Product = Callable[[Columns], Columns]
# So many weights are multiplied and added by ufuncs as fast as BLAS does it for one row.
FEW_WEIGHTS = 512
# The terms of so many rows are made at once; of more rows, a term at a time is faster.
FEW_ROWS = 512


def compile_product(weights: Columns) -> Product:
    """Map columns (n_in, rows) to `weights` (n_out, n_in) times them, (n_out, rows)."""
    if weights.size <= FEW_WEIGHTS:
        return _term_by_term(weights)
    return _row_by_row(weights)


def sum_in_order(terms: Columns) -> Columns:
    """The sum over the first axis of C-contiguous `terms`, one after the other."""
    if terms.size > len(terms):
        return np.add.reduce(terms)  # type: ignore[no-any-return]
    # Of single numbers, add.reduce adds up eight sums side by side.
    return np.add.accumulate(terms)[-1]  # type: ignore[no-any-return]


def _term_by_term(weights: Columns) -> Product:
    """A multiplication and an addition for each term, each rounded as IEEE 754 has it."""
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
    """A call of BLAS for each row, always of the same shape."""
    n_out, n_in = weights.shape
    # Whichever has the longer inner loop; the other one would be as much memory again.
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
