"""The state of a program: named parameters and buffers, and constants that no state_dict has."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from stateserve.errors import StateMismatch, UnreadableCheckpoint
from stateserve.model.architectures.exported_program.signature import StateSlot
from stateserve.model.architectures.state_keys import require_same_keys


class ProgramState:
    """`parameters`, `buffers` and `constants` by name. Buffers in `transient` do not persist."""

    def __init__(
        self,
        slots: Sequence[StateSlot],
        weights: Mapping[str, Tensor],
        constants: Mapping[str, Tensor],
        state: Mapping[str, Tensor] | None,
    ) -> None:
        """Raises UnreadableCheckpoint if the archive lacks one of `slots`; StateMismatch unless
        `state` has the keys, shapes and dtypes of `weights`."""
        self.transient = {
            slot.name for slot in slots if slot.kind == "buffer" and not slot.persistent
        }
        lifted = {slot.name for slot in slots if slot.kind == "tensor_constant"}
        known = {**constants, **weights}
        if missing := [slot.name for slot in slots if slot.name not in known]:
            raise UnreadableCheckpoint(f"the archive has no tensor {missing[0]!r:.100}")
        held = weights if state is None else _replaced(weights, state)
        self.parameters = {
            name: each for name, each in held.items() if isinstance(each, nn.Parameter)
        }
        self.buffers = {name: each for name, each in held.items() if name not in self.parameters}
        self.constants = {name: constants[name] for name in lifted if name not in weights}
        for slot in slots:
            if slot.kind == "buffer" and slot.name not in weights:
                self.buffers[slot.name] = constants[slot.name]
        for slot in slots:
            if (slot.kind == "parameter") != (slot.name in self.parameters):
                raise UnreadableCheckpoint(f"{slot.name!r:.100} is no {slot.kind} in the archive")


def _replaced(weights: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of `state` in the places of `weights`; tied tensors stay tied."""
    tied: dict[int, str] = {}
    given = dict(state)
    for name, tensor in weights.items():
        first = tied.setdefault(id(tensor), name)
        if first != name:
            # Some formats leave out the second name of a tensor.
            given.setdefault(name, given.get(first, tensor))
    require_same_keys(weights, given, "the program")
    made: dict[int, Tensor] = {}
    for name, tensor in weights.items():
        new = given[name]
        if isinstance(tensor, nn.Parameter):
            new = nn.Parameter(new.detach(), requires_grad=tensor.requires_grad)
        new = made.setdefault(id(tensor), new)
        if new is not given[name] and not _equal(new, given[name]):
            raise StateMismatch(
                f"{name} is one tensor with {tied[id(tensor)]} in the program, and differs in the "
                "state"
            )
    return {name: made[id(tensor)] for name, tensor in weights.items()}


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.data_ptr() == other.data_ptr() or torch.equal(one, other)
