"""What is tried in a training run, by the size of the table."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic import JsonValue

# Up to so many training rows, many small networks are joined; with more, one is trained.
FEW_ROWS = 20_000
# A larger table is seen less often: so many rows in all epochs take less than a minute.
MOST_ROWS_SEEN = 1_400_000
TREES = 100
# Of very few rows, more networks leave other parts of them out.
VERY_FEW_ROWS = 300


@dataclass(frozen=True)
class Plan:
    """A network and its training. `parts` gives the network the parts of the range of a number;
    `code` names the class of the user that it is; so many `members` are trained, each without a
    part of the rows; so many decision `trees` are grown."""

    hidden: tuple[int, ...]
    parts: bool
    dropout: float
    weight_decay: float
    epochs: int
    batch_size: int
    learning_rate: float
    code: str | None = None
    members: int = 1
    trees: int = 0


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
    code: str | None = None
    kwargs: Mapping[str, JsonValue] = field(default_factory=dict)

    def holds_out(self, rows: int) -> bool:
        """Whether one network is trained, and keeps its best epoch on a validation part."""
        return rows > FEW_ROWS or self.hidden is not None or self.code is not None


def plans(rows: int, options: Options) -> list[Plan]:
    """The network for so many training rows; or the kinds of small ones that are joined."""
    batch = _batch_size(rows)
    if options.code is not None:
        epochs = 60 if rows <= FEW_ROWS else 30
        found = [Plan((), False, 0.0, 0.01, epochs, batch, 3e-3, options.code)]
    elif rows > FEW_ROWS:
        epochs = min(30, max(4, MOST_ROWS_SEEN // rows))
        by_default = options.hidden is None and not options.balance
        trees = TREES if by_default else 0
        found = [Plan((128, 64), True, 0.1, 0.02, epochs, batch, 2e-3, trees=trees)]
    elif options.hidden is not None:
        rate = 8e-3 if options.hidden else 3e-2
        found = [Plan(options.hidden, bool(options.hidden), 0.1, 0.1, 60, batch, rate)]
    else:
        members = 10 if rows <= VERY_FEW_ROWS else 5
        found = [
            Plan((64,), parts, 0.3, 0.3, 40, batch, 8e-3, members=members)
            for parts in (False, True)
        ]
    chosen = {
        name: value
        for name in ("hidden", "epochs", "batch_size", "learning_rate", "dropout", "weight_decay")
        if (value := getattr(options, name)) is not None
    }
    return [replace(each, **chosen) for each in found]


def _batch_size(rows: int) -> int:
    """A power of two, about a tenth of the rows."""
    return int(min(2048, max(16, 2 ** ((rows // 8 or 1).bit_length() - 1))))


def steps(rows: int, options: Options) -> int:
    """The number of optimizer steps of a whole run."""
    share = 0.85 if options.holds_out(rows) else 0.8
    return sum(
        plan.epochs * -(-int(share * rows) // plan.batch_size) for plan in plans(rows, options)
    )


def describe(plan: Plan) -> str:
    """The network in words."""
    if plan.code is not None:
        return plan.code
    named = [f"hidden layers {', '.join(map(str, plan.hidden))}"] if plan.hidden else []
    if plan.trees:
        named.append(f"{plan.trees} decision trees")
    return ", ".join([" and ".join(named) or "linear", *(["with parts of ranges"] * plan.parts)])
