"""Finds the divisions of an ONNX graph that may end the process.

ONNX Runtime divides signed integers with the processor's instruction. The smallest integer by -1
has no result, and the processor sends SIGFPE. A division by 0 is an error of the pass alone.
"""

from collections import ChainMap
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stateserve.checkpoint import Array
from stateserve.errors import UnsafeCheckpoint

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

UNKNOWN_TYPE = 0
# The values of onnx.TensorProto.DataType.
SIGNED_INTEGERS = (3, 5, 6, 7)
# Operators by the place of their output that has sizes, places or numbers of axes.
COUNTS = {"Shape": 0, "Size": 0, "ArgMax": 0, "ArgMin": 0, "NonZero": 0, "TopK": 1}
# Each value of their output is one of their first input.
MOVES = ("Expand", "Gather", "Identity", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze")


class Lacks(NamedTuple):
    """What is known of the values of a tensor."""

    minus_one: bool = False
    smallest: bool = False


class _Scope(NamedTuple):
    """What is known of the names that a graph may use, in it and around it."""

    types: ChainMap[str, int]
    lacks: ChainMap[str, Lacks]

    def inner(self, graph: "GraphProto") -> "_Scope":
        # A name here hides the same name around the graph, even if nothing is known of it.
        outputs = [name for node in graph.node for name in node.output]
        types = dict.fromkeys(outputs, UNKNOWN_TYPE)
        for each in (*graph.input, *graph.output, *graph.value_info):
            types[each.name] = each.type.tensor_type.elem_type
        types |= {tensor.name: tensor.data_type for tensor in graph.initializer}
        lacks = dict.fromkeys((*outputs, *(each.name for each in graph.input)), Lacks())
        lacks |= {tensor.name: _tensor_lacks(tensor) for tensor in graph.initializer}
        return _Scope(self.types.new_child(types), self.lacks.new_child(lacks))

    def add(self, node: "NodeProto") -> None:
        """Nodes are added in their order in the graph, each after those that it depends on."""
        if node.op_type == "Constant" and len(node.output) == 1:
            self.lacks[node.output[0]] = _constant_lacks(node)
        elif node.op_type in MOVES and node.input and len(node.output) == 1:
            self.lacks[node.output[0]] = self.lacks.get(node.input[0], Lacks())
        elif (place := COUNTS.get(node.op_type)) is not None and place < len(node.output):
            self.lacks[node.output[place]] = Lacks(minus_one=True, smallest=True)

    def divided_type(self, node: "NodeProto") -> int | None:
        """The type of a division that may have no result; None if it has one."""
        # ONNX Runtime loads no graph that states another type than that of its values.
        found = {self.types.get(name, UNKNOWN_TYPE) for name in (*node.input, *node.output)}
        kind = max(found, default=UNKNOWN_TYPE)
        if kind != UNKNOWN_TYPE and kind not in SIGNED_INTEGERS:
            return None
        dividend, divisor = (self.lacks.get(name, Lacks()) for name in (*node.input, "", "")[:2])
        return None if dividend.smallest or divisor.minus_one else kind


def require_results(model: "ModelProto") -> None:
    """Raise UnsafeCheckpoint for a division that may be that of the smallest integer by -1.

    A division is accepted if its divisor is a constant without -1, its dividend is a constant
    without the smallest integer, or one of the two is a length or a place. A type that the graph
    does not state is inferred.
    """
    from onnx.shape_inference import infer_shapes

    divisions = list(_divisions(model.graph, _Scope(ChainMap(), ChainMap())))
    if any(kind == UNKNOWN_TYPE for _, kind in divisions):
        try:
            graph = infer_shapes(model).graph
        except Exception:
            graph = model.graph
        divisions = list(_divisions(graph, _Scope(ChainMap(), ChainMap())))
    for node, kind in divisions:
        what = "integers" if kind else "an unknown type"
        raise UnsafeCheckpoint(
            f"the node {node.name!r:.100} is a Div of {what}, by a divisor that may be -1; the "
            "smallest integer by -1 would end the process"
        )


def _divisions(graph: "GraphProto", around: _Scope) -> "Iterator[tuple[NodeProto, int]]":
    scope = around.inner(graph)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _divisions(attribute.g, scope)
        if node.op_type == "Div" and (kind := scope.divided_type(node)) is not None:
            yield node, kind
        scope.add(node)


def _constant_lacks(node: "NodeProto") -> Lacks:
    if len(node.attribute) != 1:
        return Lacks()
    [attribute] = node.attribute
    # ONNX Runtime takes the field of the type, whatever the name.
    if attribute.type == attribute.TENSOR:
        return _tensor_lacks(attribute.t)
    if attribute.type == attribute.INT:
        return _lacks(np.array([attribute.i]))
    if attribute.type == attribute.INTS:
        return _lacks(np.array(attribute.ints, np.int64))
    return Lacks()


def _tensor_lacks(tensor: "TensorProto") -> Lacks:
    from onnx.numpy_helper import to_array

    if tensor.data_type not in SIGNED_INTEGERS:
        return Lacks()
    try:
        return _lacks(to_array(tensor))
    except Exception:
        # Its bytes do not fit its shape, and ONNX Runtime refuses it.
        return Lacks()


def _lacks(values: Array) -> Lacks:
    return Lacks(
        minus_one=-1 not in values,
        smallest=-(2 ** (8 * values.itemsize - 1)) not in values,
    )
