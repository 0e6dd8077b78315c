"""A graph that may divide the smallest integer by -1, which would end the process, is refused."""

import numpy as np
import pytest

from stateserve.errors import CardMismatch, ForwardFailed, UnsafeCheckpoint
from stateserve.model.backends.onnx_runtime import OnnxRuntime
from stateserve.model.signature import Input, Output, Signature

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper  # noqa: E402

FLOAT, INT32, INT64 = TensorProto.FLOAT, TensorProto.INT32, TensorProto.INT64
SIGNATURE = Signature(
    inputs=[Input(name="x", dtype="float32", shape=[-1, 4])],
    outputs=[Output(name="y", dtype="float32", shape=[-1, 4])],
)
ROWS = {"x": np.full((3, 4), 7, np.float32)}
CONSTANTS = {
    "two": np.array(2),
    "three32": np.array([3], np.int32),
    "minus": np.array([2, -1, 5, 7]),
    "minus32": np.array(-1, np.int32),
    "four": np.array([4]),
}
DIVISION = helper.make_node("Div", ["whole", "by"], ["q"], "n")


def whole(kind: int) -> NodeProto:
    return helper.make_node("Cast", ["x"], ["whole"], to=kind)


def graph(*nodes: NodeProto, stated: int | None = None) -> bytes:
    """`y` is `q` as floats; `stated` is the type that the graph names for `whole`."""
    last = helper.make_node("Cast", ["q"], ["y"], to=FLOAT)
    ends = [helper.make_tensor_value_info(name, FLOAT, ["rows", 4]) for name in "xy"]
    weights = [numpy_helper.from_array(value, name) for name, value in CONSTANTS.items()]
    info = [helper.make_tensor_value_info("whole", stated, None)] if stated else []
    made = helper.make_graph([*nodes, last], "g", ends[:1], ends[1:], weights, value_info=info)
    opset = helper.make_opsetid("", 18)
    return helper.make_model(made, opset_imports=[opset], ir_version=9).SerializeToString()


def by(name: str, kind: int = INT64, dividend: str = "whole") -> tuple[NodeProto, ...]:
    return whole(kind), helper.make_node("Div", [dividend, name], ["q"], "n")


def branches(*nodes: NodeProto) -> tuple[NodeProto, ...]:
    """An If with these nodes in one branch, whose names also stand in the other, of floats."""

    def branch(result: str, *inner: NodeProto) -> GraphProto:
        end = helper.make_node("Cast", ["q"], [result], to=FLOAT)
        info = helper.make_tensor_value_info(result, FLOAT, None)
        return helper.make_graph([*inner, end], result, [], [info])

    floats = (whole(FLOAT), helper.make_node("Div", ["whole", "x"], ["q"]))
    chosen = helper.make_node("Constant", [], ["chosen"], value=numpy_helper.from_array(np.True_))
    choice = helper.make_node(
        "If", ["chosen"], ["q"], then_branch=branch("a", *nodes), else_branch=branch("b", *floats)
    )
    return chosen, choice


def constant(**value: object) -> NodeProto:
    return helper.make_node("Constant", [], ["by"], **value)


def doubled() -> NodeProto:
    node = constant(value_int=5)
    node.attribute.append(helper.make_attribute("value_int", -1))
    return node


def misnamed() -> NodeProto:
    """A constant of -1, as ONNX Runtime reads it: by the type, whatever the name."""
    node = constant(value_int=5)
    [attribute] = node.attribute
    attribute.type = attribute.TENSOR
    attribute.t.CopyFrom(numpy_helper.from_array(np.array(-1)))
    return node


HIDDEN = helper.make_node("Cast", ["x"], ["two"], to=INT64)
REFUSED = {
    "the rows themselves": by("whole"),
    "the rows in int32": by("whole", INT32),
    "a weight with -1": by("minus"),
    "a weight of -1 in int32": by("minus32", INT32),
    "a constant of -1": (whole(INT64), constant(value_int=-1), DIVISION),
    "constants with -1": (whole(INT64), constant(value_ints=[1, 2, 3, -1]), DIVISION),
    "a constant of another type": (whole(INT64), misnamed(), DIVISION),
    "one of two constants": (whole(INT64), doubled(), DIVISION),
    "in a branch": branches(*by("minus")),
    "by a name that hides a constant": branches(HIDDEN, *by("two")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_division_of_integers_by_what_may_be_minus_one_is_refused(name: str) -> None:
    with pytest.raises(UnsafeCheckpoint, match=r"the node 'n' is a Div of integers, by a divisor"):
        OnnxRuntime(graph(*REFUSED[name]), SIGNATURE)


def test_a_division_of_a_type_that_nobody_knows_is_refused() -> None:
    nodes = helper.make_node("Nothing", ["x"], ["whole"]), *by("whole")[1:]
    with pytest.raises(UnsafeCheckpoint, match=r"the node 'n' is a Div of an unknown type"):
        OnnxRuntime(graph(*nodes), SIGNATURE)


def test_a_type_that_the_graph_states_is_that_of_its_values() -> None:
    OnnxRuntime(graph(*by("whole", FLOAT), stated=FLOAT), SIGNATURE)
    with pytest.raises(CardMismatch, match="does not match expected type"):
        OnnxRuntime(graph(*by("whole"), stated=FLOAT), SIGNATURE)


RESULTS = {
    "floats": (by("x", FLOAT), 1),
    "a constant": (by("two"), 3),
    "a constant in int32": (by("three32", INT32), 2),
    "a constant of a node": ((whole(INT64), constant(value_int=2), DIVISION), 3),
    "a constant dividend": (by("whole", dividend="minus"), [0, 0, 0, 1]),
    "a length": (
        (
            whole(INT64),
            helper.make_node("Shape", ["x"], ["shape"], start=1, end=2),
            helper.make_node("Squeeze", ["shape"], ["by"]),
            DIVISION,
        ),
        1,
    ),
    "places by values": (
        (
            whole(INT64),
            helper.make_node("TopK", ["x", "four"], ["largest", "places"]),
            helper.make_node("Div", ["places", "whole"], ["q"], "n"),
        ),
        0,
    ),
    "in a branch": (branches(*by("two")), 3),
}


@pytest.mark.parametrize("name", RESULTS)
def test_other_divisions_are_computed(name: str) -> None:
    nodes, wanted = RESULTS[name]
    found = OnnxRuntime(graph(*nodes), SIGNATURE)(ROWS)["y"]
    np.testing.assert_array_equal(found, np.broadcast_to(np.float32(wanted), (3, 4)))


def test_a_division_by_zero_is_an_error_of_the_pass() -> None:
    run = OnnxRuntime(graph(*by("whole", dividend="minus")), SIGNATURE)
    with pytest.raises(ForwardFailed, match="Integer division by zero"):
        run({"x": np.zeros((3, 4), np.float32)})
