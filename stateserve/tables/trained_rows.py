"""Whether the rows of a table are those that a model was trained on, by hashes of rows."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from stateserve.model import Card, Feature, ModelCard, RowHashes

# Of more different rows, those with the lowest hashes are kept: a random sample of them.
MOST_HASHES = 512
# Rows of other origin are equal to training rows as often as these are to each other; a share
# that is larger by this much is no chance.
CLEARLY = 0.1
BITS = 32


def hash_rows(columns: Iterable[NDArray[np.floating]]) -> NDArray[np.uint32]:
    """A hash (rows,) of the float32 numbers of each row; all NaN are one number, and so are 0 and
    -0. The mixing is that of SplitMix64 (Steele, Lea and Flood 2014)."""
    mixed: NDArray[np.uint64] = np.zeros(1, np.uint64)
    for column in columns:
        with np.errstate(over="ignore"):
            numbers = column.astype(np.float32) + np.float32(0)
        numbers[np.isnan(numbers)] = np.nan
        mixed = (mixed ^ numbers.view(np.uint32)) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(BITS)).astype(np.uint32)


def keep_hashes(rows: NDArray[np.floating]) -> RowHashes:
    """The hashes of training rows (rows, features), for the card."""
    found, counts = np.unique(hash_rows(rows.T), return_counts=True)
    repeated = int(counts[counts > 1].sum()) / len(rows)
    return RowHashes(lowest=found[:MOST_HASHES].tolist(), repeated=repeated)


def hashes_of(card: Card | ModelCard) -> RowHashes | None:
    """The hashes of the training rows; None where the card does not have them."""
    if isinstance(card, ModelCard):
        return card.table.row_hashes if card.table else None
    rows = card.training_rows
    return keep_hashes(np.array(rows.rows)) if rows and len(rows.rows) == rows.total else None


def about_training(
    trained: RowHashes,
    features: Sequence[Feature],
    columns: Mapping[str, Sequence[JsonValue]],
    scored: Sequence[bool],
) -> str | None:
    """Says so if training rows are among the `scored` ones; `columns` has the values by name."""
    found = hash_rows(each.numbers_of(columns[each.name]) for each in features)[np.array(scored)]
    if len(trained.lowest) >= MOST_HASHES:
        found = found[found <= trained.lowest[-1]]
    if not len(found):
        return None
    share = float(np.isin(found, np.array(trained.lowest, np.uint32)).mean())
    if share < trained.repeated + CLEARLY:
        return None
    which = "these are" if share == 1 else f"{share:.0%} of these rows are"
    return f"{which} rows that the model was trained on, so this score is no test"
