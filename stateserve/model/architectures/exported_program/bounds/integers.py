"""Integers that kernels do not check: modes, and lengths whose products overflow."""

from collections.abc import Mapping, Sequence
from functools import cache
from math import prod

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._pytree import tree_leaves

from stateserve.errors import ForwardFailed
from stateserve.model.architectures.exported_program.bounds.operator_sizes import name_of

aten = torch.ops.aten
# A kernel that does not know a mode leaves its result as the memory was before.
MODES = dict.fromkeys(("interpolation_mode", "padding_mode", "reduction", "normalization"), 3)
MODES_OF = {(aten.grid_sampler_3d.default, "interpolation_mode"): 2}
# Kernels multiply two of these with one another, and with lengths.
WINDOWS = frozenset({"kernel_size", "stride", "padding", "dilation", "output_padding"})
LARGEST_WINDOW = 2**24
# The places of the lengths N, C and HxW among the arguments of a group norm.
LENGTHS = slice(3, 6)
# Here a stride is the distance of two elements in memory, which torch checks.
STRIDED = "as_strided"


def require_sound_integers(
    func: OpOverload, args: Sequence[object], kwargs: Mapping[str, object]
) -> None:
    """Raises ForwardFailed, which says what is accepted."""
    for place, name, limit in _limits(func):
        value = args[place] if place < len(args) else kwargs.get(name)
        lowest = 0 if limit < LARGEST_WINDOW else -limit
        for each in tree_leaves(value):
            if isinstance(each, int) and not lowest <= each < limit:
                raise ForwardFailed(f"{name} {each:.3g}; accepted are {lowest} to {limit - 1}")
    # Where they have names in a graph, the dispatcher gives them as a list later.
    if func is aten.native_group_norm.default and len(args) > LENGTHS.stop:
        _require_lengths(args[0], args[LENGTHS])


@cache
def _limits(func: OpOverload) -> list[tuple[int, str, int]]:
    """Place, name and limit of each argument that has one."""
    names = [each.name for each in func._schema.arguments]
    limits = {**MODES, **dict.fromkeys(() if STRIDED in name_of(func) else WINDOWS, LARGEST_WINDOW)}
    return [
        (place, name, MODES_OF.get((func, name), limits[name]))
        for place, name in enumerate(names)
        if name in limits
    ]


def _require_lengths(input: object, lengths: Sequence[object]) -> None:
    """`lengths` are those of the batch, the channels and the rest; their product may overflow."""
    given = [each for each in lengths if isinstance(each, int)]
    if isinstance(input, Tensor) and (min(given) < 0 or prod(given) != input.numel()):
        raise ForwardFailed(f"a group norm of {list(input.shape)} that claims the lengths {given}")
