"""A file of the corpus: how it is written, and what is to be read in it or said of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

Write = Callable[[Path], object]
Tensors = Mapping[str, Tensor]


def load_with_torch(path: Path, key: str) -> Tensors:
    """The state at `key` as torch.load has it, running the code of the file."""
    value = torch.load(path, map_location="cpu", weights_only=False)
    return state_in(value, key)


def state_in(value: object, key: str) -> Tensors:
    """The state below a path of keys: that of a dict, a module or an optimizer."""
    for part in key.split("/") if key else ():
        value = value[int(part)] if isinstance(value, list | tuple) else value[part]  # type: ignore[index]
    if isinstance(value, nn.Module | torch.optim.Optimizer):
        value = value.state_dict()
    if isinstance(value, Tensor):
        return {"tensor": value}
    if isinstance(value, list | tuple):
        value = {str(index): each for index, each in enumerate(value)}
    assert isinstance(value, dict)
    if "param_groups" in value:
        slots = value["state"].items()
        value = {f"{index}.{name}": each for index, slot in slots for name, each in slot.items()}
    return {name: each for name, each in value.items() if isinstance(each, Tensor)}


@dataclass(frozen=True)
class Readable:
    """`states` has the kind of each state by its key; `chosen` is the key that needs no --key.

    `load` is the oracle: the library that the file is of, or the tensors that were written.
    """

    file: str
    format: str
    write: Write
    states: Mapping[str, str] = field(default_factory=lambda: {"": "state"})
    chosen: str | None = ""
    load: Callable[[Path, str], Tensors] = load_with_torch
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refused:
    """`reason` is the whole message after the path."""

    file: str
    reason: str
    write: Write
