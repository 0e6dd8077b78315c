"""Rows of training to try, which the page offers as examples."""

import numpy as np

from stateserve.model import MAX_EXAMPLES, ExampleRow, named_values
from training.tables.table import Table

MOST_NUMBERS = 4096
# Of the rows in the order of their targets.
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


def example_rows(table: Table, train: np.ndarray) -> list[ExampleRow]:
    """A row of each of the first classes, or from the smallest to the largest target.

    `train` has the places of the training rows. Rows with fewer missing values come first. A table
    of more than MOST_NUMBERS columns has none.
    """
    most = min(MAX_EXAMPLES, MOST_NUMBERS // len(table.features))
    order = train[np.argsort(np.isnan(table.rows[train]).sum(axis=1), kind="stable")]
    target = table.target
    if target.classes:
        _, first = np.unique(target.values[order], return_index=True)
        chosen = order[first]
    else:
        ranked = order[np.argsort(target.values[order], kind="stable")]
        chosen = ranked[[round(share * (len(ranked) - 1)) for share in SHARES]]
    return [_example(table, place) for place in dict.fromkeys(chosen[:most].tolist())]


def _example(table: Table, place: int) -> ExampleRow:
    target = table.target
    value = target.values[place]
    return ExampleRow(
        target=target.classes[value] if target.classes else _shortest(value),
        values=named_values(table.features, [*map(_shortest, table.rows[place])]),
    )


def _shortest(value: np.float32) -> float:
    """The number with the digits of the float32 that the model gets."""
    return float(str(value))
