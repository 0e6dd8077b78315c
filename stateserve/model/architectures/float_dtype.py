"""The dtype of the floats of a state, and of the module that is made for it."""

from collections.abc import Mapping
from typing import get_args

from torch import Tensor, nn

from stateserve.checkpoint import dtype_name
from stateserve.model.architectures.code_record import ModuleDtype

CAST: tuple[ModuleDtype, ...] = get_args(ModuleDtype)


def float_dtype(state: Mapping[str, object]) -> str | None:
    """The only dtype of the floats in the state; None if it has none, or several."""
    floats = [each for each in state.values() if isinstance(each, Tensor)]
    found = {dtype_name(each) for each in floats if each.is_floating_point()}
    return found.pop() if len(found) == 1 else None


def cast_note(state: Mapping[str, Tensor], module: nn.Module) -> str | None:
    """What became of the floats of the state; None if the module has them as they are."""
    have, want = float_dtype(state), float_dtype(module.state_dict())
    if have is None or want is None or have == want:
        return None
    return (
        f"the model computes in {want}, as its code makes it, though the state is {have}; a "
        f"function in the place of the class can make it so, with .to(torch.{have})"
    )
