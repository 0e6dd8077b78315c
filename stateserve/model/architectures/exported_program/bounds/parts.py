"""How many tensors an operator returns: each takes memory, even one of no elements.

Operators that are composed of others make their list in C++, where nothing stops them.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor
from torch._ops import OpOverload

# The most axes of a tensor. Few operators accept more; a view takes memory for each.
MAX_AXES = 64
# By the name of an argument: a number of parts, the length of each, or a list of what they follow.
COUNTS = ("chunks", "sections")
LENGTHS = ("split_size",)
LISTS = ("indices", "split_size", "split_sizes", "tensors")
# One number of parts, or the places of the cuts.
COUNT_OR_CUTS = "tensor_indices_or_sections"
# They make a tensor of each part of an axis; the last returns one tensor in the end.
OF_AXIS = ("aten::unbind", "aten::unbind_copy", "aten::unique_dim")


def part_count(
    func: OpOverload, args: Sequence[object], kwargs: Mapping[str, object] | None = None
) -> int:
    """An upper bound; 1 for an operator that returns no list."""
    schema = func._schema
    names = (each.name for each in schema.arguments)
    given = {**dict(zip(names, args, strict=False)), **(kwargs or {})}
    if schema.name in OF_AXIS:
        return _length(given)
    if not any(str(each.type) == "List[Tensor]" for each in schema.returns):
        return 1
    for name, value in given.items():
        if name == COUNT_OR_CUTS and isinstance(value, Tensor):
            return value.numel() + 1 if value.dim() else int(value)
        if name in LISTS and isinstance(value, Sequence):
            return len(value) + 1
        if name in COUNTS and isinstance(value, int):
            return value
        if name in LENGTHS and isinstance(value, int):
            return -(-_length(given) // max(value, 1))
    # One for each axis, such as the positions of nonzero.
    return MAX_AXES


def _length(given: Mapping[str, object]) -> int:
    """Of the axis that is taken apart."""
    tensor, axis = given.get("self"), given.get("dim", 0)
    if not isinstance(tensor, Tensor) or not isinstance(axis, int) or not tensor.dim():
        return 1
    return tensor.shape[axis]
