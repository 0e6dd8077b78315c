"""Whether the sizes in a graph only grow with the lengths of its inputs' axes."""

import operator

import torch
from torch._ops import OpOverload
from torch.fx import Graph, Node
from torch.utils._pytree import tree_leaves

LENGTHS = (torch.ops.aten.sym_size.int, torch.ops.aten.sym_numel.default)
# Of lengths and of numbers that are not negative.
GROWING = (operator.add, operator.mul)
COMPARISONS = (operator.eq, operator.ne, operator.ge, operator.gt, operator.le, operator.lt)
# Their results have the lengths that are their arguments, or fail. For `view`, a length of -1 is
# what the others leave, so that it shrinks as they grow; for `expand`, it is the tensor's own.
OF_LENGTHS = frozenset(
    {
        *("_assert_scalar", "_unsafe_view", "expand", "full", "new_full", "new_ones", "new_zeros"),
        *("ones", "reshape", "view", "zeros"),
    }
)
# Which axes their results have depends on lengths.
OF_SHAPES = frozenset(
    ("squeeze", "squeeze_copy", "linalg_solve", "linalg_solve_ex", "_linalg_solve_ex")
)
CHUNKS = ("chunk", "unsafe_chunk")
CUTS = ("dsplit", "hsplit", "tensor_split", "vsplit")
SLICES = ("slice", "slice_copy")
# No axis is so long.
ANY = 2**48


def grows_with_lengths(graph: Graph) -> bool:
    """Whether a pass with shorter axes never computes more than one with longer axes.

    False if it is not certain: a length that is subtracted or divided, or a condition.
    """
    lengths: set[Node] = set()
    for node in graph.nodes:
        if node.op == "call_function":
            if not _grows(node, lengths):
                return False
            if node.target in LENGTHS or node.target in GROWING:
                lengths.add(node)
    return True


def _grows(node: Node, lengths: set[Node]) -> bool:
    if node.target in GROWING:
        return all(_is_length(each, lengths) for each in node.args)
    if isinstance(node.target, OpOverload):
        if _may_shrink(node, node.target):
            return False
        if lengths.isdisjoint(node.all_input_nodes):
            return True
        name = _name(node.target)
        return name in OF_LENGTHS and (name == "expand" or not _has_rest(node))
    if node.target in COMPARISONS:
        # As an argument, it would choose between two computations.
        return all(_is_check(user) for user in node.users)
    return node.target is operator.getitem


def _may_shrink(node: Node, target: OpOverload) -> bool:
    """Whether a longer axis may give a shorter result, or one of fewer axes, without lengths."""
    name = _name(target)
    if name in OF_SHAPES:
        return True
    names = (each.name for each in target._schema.arguments)
    given = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
    if name in CHUNKS:
        # The last of three parts of 7 is shorter than that of 6.
        return given.get("chunks") not in (1, 2)
    if name in CUTS:
        return any(each < 0 for each in tree_leaves(given.get("indices")) if isinstance(each, int))
    # From the fifth last to the second: all of an axis of two, nothing of a longer one.
    start, end = given.get("start"), given.get("end")
    return name in SLICES and _is_number(start, -ANY, -1) and _is_number(end, 0, ANY)


def _is_number(value: object, lowest: int, highest: int) -> bool:
    return isinstance(value, int) and lowest <= value <= highest


def _has_rest(node: Node) -> bool:
    numbers = tree_leaves((node.args, node.kwargs))
    return any(isinstance(each, int) and each < 0 for each in numbers)


def _is_check(node: Node) -> bool:
    return isinstance(node.target, OpOverload) and _name(node.target) == "_assert_scalar"


def _is_length(value: object, lengths: set[Node]) -> bool:
    return value in lengths if isinstance(value, Node) else isinstance(value, int) and value >= 0


def _name(target: OpOverload) -> str:
    return target._schema.name.removeprefix("aten::")
