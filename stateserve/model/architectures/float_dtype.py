"""The dtype of the floats of a state, and of the module that is made for it."""

import re
from collections.abc import Mapping
from typing import get_args

from torch import Tensor, nn

from stateserve.checkpoint import dtype_name
from stateserve.model.architectures.code_record import ModuleDtype

# As errors of torch have them, in lower case.
TORCH_NAMES = {"bfloat16": "bfloat16", "float16": "half", "float64": "double"}
CAST: tuple[ModuleDtype, ...] = get_args(ModuleDtype)


def float_dtype(state: Mapping[str, object]) -> str | None:
    """The only dtype of the floats in the state; None if it has none, or several."""
    floats = [each for each in state.values() if isinstance(each, Tensor)]
    found = {dtype_name(each) for each in floats if each.is_floating_point()}
    return found.pop() if len(found) == 1 else None


def mixed_note(module: nn.Module, failure: str) -> str:
    """What to do where an operation got floats of the module's dtype, and of float32; else empty.

    torch names the two dtypes, but not that one of them is of a tensor outside of the state.
    """
    words = re.findall("[a-z0-9]+", failure.lower())
    have = float_dtype(dict(module.named_parameters())) if "float" in words else None
    if TORCH_NAMES.get(have or "") not in words:
        return ""
    return (
        f"; the state is {have}, and a tensor that the code makes outside of it is float32: make "
        "it of the dtype of an input x, torch.ones(3, dtype=x.dtype), or keep it as a buffer"
    )


def cast_note(state: Mapping[str, Tensor], module: nn.Module) -> str | None:
    """What became of the floats of the state; None if the module has them as they are."""
    have, want = float_dtype(state), float_dtype(module.state_dict())
    if have is None or want is None or have == want:
        return None
    return (
        f"the model computes in {want}, as its code makes it, though the state is {have}; a "
        f"function in the place of the class can make it so, with .to(torch.{have})"
    )
