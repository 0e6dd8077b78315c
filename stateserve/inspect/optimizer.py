"""The tensors that an optimizer keeps, recognized by the names that torch.optim gives them."""

from collections.abc import Iterable
from dataclasses import dataclass

from stateserve.inspect.tree import Outlined

# What those of torch.optim, and Lion, keep for a parameter, beside `step`.
OPTIMIZERS = {
    "Adam, AdamW, NAdam or RAdam": {"exp_avg", "exp_avg_sq"},
    "Adam or AdamW with amsgrad": {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"},
    "NAdam": {"exp_avg", "exp_avg_sq", "mu_product"},
    "Adamax": {"exp_avg", "exp_inf"},
    "Lion": {"exp_avg"},
    "SGD with momentum, or Muon": {"momentum_buffer"},
    "RMSprop": {"square_avg"},
    "RMSprop with momentum": {"square_avg", "momentum_buffer"},
    "RMSprop, centered": {"square_avg", "grad_avg"},
    "RMSprop, centered, with momentum": {"square_avg", "grad_avg", "momentum_buffer"},
    "Adagrad": {"sum"},
    "Adadelta": {"square_avg", "acc_delta"},
    "Adafactor": {"row_var", "col_var", "variance"},
    "ASGD": {"ax", "eta", "mu"},
    "Rprop": {"prev", "step_size"},
}
# Not `sum`, `d`, `mu` and others, which modules may use for names of their own.
CERTAIN = {
    *("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "exp_inf", "momentum_buffer", "square_avg"),
    *("acc_delta", "mu_product"),
}


@dataclass(frozen=True)
class Slot:
    """One kind of tensor that the optimizer keeps, such as "exp_avg": of how many parameters."""

    name: str
    tensors: int
    elements: int
    bytes: int


@dataclass(frozen=True)
class OptimizerState:
    """`optimizer` names the optimizers that keep these slots; None if none is known."""

    optimizer: str | None
    slots: list[Slot]


def is_slot(name: str) -> bool:
    """Whether a tensor's name is surely that of an optimizer's state."""
    return name.rpartition(".")[2] in CERTAIN


def optimizer_state(tensors: Iterable[Outlined]) -> OptimizerState:
    """Sum up an optimizer's tensors by the last parts of their names: "0.exp_avg"."""
    sums: dict[str, list[int]] = {}
    for tensor in tensors:
        total = sums.setdefault(tensor.name.rpartition(".")[2], [0, 0, 0])
        for at, number in enumerate((1, tensor.elements, tensor.bytes)):
            total[at] += number
    kept = sums.keys() - {"step"}
    named = [name for name, slots in OPTIMIZERS.items() if slots == kept]
    slots = [Slot(name, *total) for name, total in sums.items()]
    return OptimizerState(named[0] if named else None, slots)
