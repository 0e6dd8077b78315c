"""What is tried in a training run, by the size of the table."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

# Up to so many training rows, several networks are compared, and the best is trained on all rows.
FEW_ROWS = 20_000
# Up to so many, they are compared on several parts of the rows, else on one.
FEW_ROWS_FOR_FOLDS = 3_000
FOLDS = 3


@dataclass(frozen=True)
class Plan:
    """A network and its training. `parts` gives the network the parts of the range of a number."""

    hidden: tuple[int, ...]
    parts: bool
    dropout: float
    weight_decay: float
    epochs: int
    batch_size: int
    learning_rate: float


@dataclass(frozen=True)
class Options:
    """What the user chose; None is by the size of the table."""

    seed: int = 0
    hidden: tuple[int, ...] | None = None
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    dropout: float | None = None
    weight_decay: float | None = None
    test_size: float = 0.2
    balance: bool = False


def plans(rows: int, options: Options) -> list[Plan]:
    """The networks to compare for a table with so many training rows; the simplest first."""
    batch = _batch_size(rows)
    large = Plan((256, 128), True, 0.1, 0.02, 15 if rows > 100_000 else 30, batch, 2e-3)
    small = [
        Plan((), False, 0.0, 0.1, 30, batch, 3e-2),
        Plan((64,), False, 0.3, 0.3, 30, batch, 8e-3),
        Plan((128,), True, 0.4, 0.3, 30, batch, 8e-3),
    ]
    found = [large] if rows > FEW_ROWS else small
    chosen = {
        name: value
        for name in ("epochs", "batch_size", "learning_rate", "dropout", "weight_decay")
        if (value := getattr(options, name)) is not None
    }
    if options.hidden is not None:
        chosen["hidden"] = options.hidden
        found = found[-1:]
    return [replace(each, **chosen) for each in found]


def _batch_size(rows: int) -> int:
    """A power of two, about a tenth of the rows."""
    return int(min(2048, max(16, 2 ** ((rows // 8 or 1).bit_length() - 1))))


def threads(rows: int) -> int:
    """For small networks and batches, more threads than one are slower."""
    return 1 if rows <= FEW_ROWS else len(os.sched_getaffinity(0))


def folds(rows: int) -> int:
    """The number of parts on which the plans are compared."""
    return FOLDS if 2 * FOLDS <= rows <= FEW_ROWS_FOR_FOLDS else 1


def steps(rows: int, every: Sequence[Plan]) -> int:
    """The number of optimizer steps of a whole run."""

    def of(plan: Plan, count: int) -> int:
        return plan.epochs * -(-count // plan.batch_size)

    parts = folds(rows)
    share = (parts - 1) / parts if parts > 1 else 0.85
    compared = sum(parts * of(plan, int(share * rows)) for plan in every)
    return compared + (of(every[-1], rows) if rows <= FEW_ROWS else 0)
