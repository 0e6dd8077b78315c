"""Whether the sizes in a graph only grow with the lengths of its inputs' axes."""

import operator

import torch
from torch._ops import OpOverload
from torch.fx import Graph, Node

LENGTHS = (torch.ops.aten.sym_size.int, torch.ops.aten.sym_numel.default)
# Of lengths and of numbers that are not negative.
GROWING = (operator.add, operator.mul)
COMPARISONS = (operator.eq, operator.ne, operator.ge, operator.gt, operator.le, operator.lt)
# Their results have the lengths that are their arguments, or fail.
OF_LENGTHS = frozenset(
    {
        *("_assert_scalar", "_unsafe_view", "expand", "full", "new_full", "new_ones", "new_zeros"),
        *("ones", "reshape", "view", "zeros"),
    }
)


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
        of_numbers = lengths.isdisjoint(node.all_input_nodes)
        return of_numbers or _name(node.target) in OF_LENGTHS
    return node.target in COMPARISONS or node.target is operator.getitem


def _is_length(value: object, lengths: set[Node]) -> bool:
    return value in lengths if isinstance(value, Node) else isinstance(value, int) and value >= 0


def _name(target: OpOverload) -> str:
    return target._schema.name.removeprefix("aten::")
