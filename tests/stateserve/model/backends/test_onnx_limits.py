"""A graph that asks for too much memory or time: it is refused, or its pass is ended."""

from itertools import pairwise

import numpy as np
import pytest

from stateserve.errors import ForwardFailed, UnsafeCheckpoint
from stateserve.model.backends.onnx_limits import PassClock
from stateserve.model.backends.onnx_runtime import OnnxRuntime
from stateserve.model.signature import Input, Output, Signature
from tests.memory import MIB, peak_growth

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
from onnx import NodeProto, TensorProto, helper, numpy_helper  # noqa: E402

SIGNATURE = Signature(
    inputs=[Input(name="x", dtype="float32", shape=[-1, 4])],
    outputs=[Output(name="y", dtype="float32", shape=[-1, 4])],
)
ROWS = {"x": np.ones((3, 4), np.float32)}
CONSTANTS = {
    "long": np.array([2**31]),
    "wide": np.array([1024, 1024]),
    "some": np.array([2**26]),
    "each": np.array([2**29]),
    "one": np.ones(1, np.float32),
    "pads": np.array([0, 2**31]),
    "pixel": np.ones((1, 1, 1, 1), np.float32),
    "scales": np.array([1, 1, 2**16, 2**16], np.float32),
    "start": np.array(0),
    "end": np.array(2**31),
    "step": np.array(1),
}


def graph(*nodes: NodeProto, result: str = "big") -> bytes:
    """`y` is `x` and a sum over `result`."""
    total = helper.make_node("ReduceSum", [result], ["total"], keepdims=0)
    number = helper.make_node("Cast", ["total"], ["number"], to=TensorProto.FLOAT)
    added = helper.make_node("Add", ["x", "number"], ["y"])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", 4]) for name in "xy"]
    weights = [numpy_helper.from_array(value, name) for name, value in CONSTANTS.items()]
    made = helper.make_graph([*nodes, total, number, added], "g", ends[:1], ends[1:], weights)
    opset = helper.make_opsetid("", 18)
    return helper.make_model(made, opset_imports=[opset], ir_version=9).SerializeToString()


LARGE = {
    "ConstantOfShape": helper.make_node("ConstantOfShape", ["long"], ["big"]),
    "Expand": helper.make_node("Expand", ["one", "long"], ["big"]),
    "Range": helper.make_node("Range", ["start", "end", "step"], ["big"]),
    "Pad": helper.make_node("Pad", ["one", "pads"], ["big"]),
    "Resize": helper.make_node("Resize", ["pixel", "", "scales"], ["big"], mode="nearest"),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_tensor_beyond_the_limit_of_memory_ends_the_pass(name: str) -> None:
    run = OnnxRuntime(graph(LARGE[name]), SIGNATURE)
    with pytest.raises(ForwardFailed, match=rf"^at {name} the ONNX graph holds more than 4294967"):
        run(ROWS)


def test_rows_that_together_ask_for_too_much_fail_and_fewer_do_not() -> None:
    run = OnnxRuntime(
        graph(
            helper.make_node("Shape", ["x"], ["rows"], end=1),
            helper.make_node("Sub", ["rows", "step"], ["more"]),
            helper.make_node("Mul", ["more", "each"], ["size"]),
            helper.make_node("ConstantOfShape", ["size"], ["big"]),
        ),
        SIGNATURE,
    )
    with pytest.raises(ForwardFailed, match="at ConstantOfShape the ONNX graph holds more than"):
        run(ROWS)
    np.testing.assert_array_equal(run({"x": ROWS["x"][:1]})["y"], ROWS["x"][:1])


def test_a_pass_beyond_the_limit_of_time_ends_between_two_nodes() -> None:
    factors = ["factor", *(f"product{number}" for number in range(2000))]
    products = [helper.make_node("MatMul", [a, "factor"], [b]) for a, b in pairwise(factors)]
    first = helper.make_node("ConstantOfShape", ["wide"], ["factor"])
    content = graph(first, *products, result=factors[-1])
    with pytest.raises(ForwardFailed, match=r"the ONNX graph takes more than 0\.01 seconds"):
        OnnxRuntime(content, SIGNATURE, seconds=0.01)(ROWS)


def test_a_pass_whose_time_ended_as_it_did_does_not_end_the_next() -> None:
    clock, options = PassClock(), onnxruntime.RunOptions()
    options.terminate = True
    clock.start(options, 60)
    clock.stop(options)
    assert not options.terminate


def test_nothing_is_computed_as_a_graph_is_loaded() -> None:
    expanded = [
        helper.make_node("Expand", ["one", "some"], ["big"]),
        helper.make_node("Mul", ["big", "big"], ["square"]),
    ]
    content = graph(*expanded, result="square")
    assert peak_growth(lambda: OnnxRuntime(content, SIGNATURE)) < 64 * MIB


def sparse() -> NodeProto:
    node = NodeProto(op_type="Constant", name="zeros", output=["big"])
    given = node.attribute.add(name="sparse_value", type=onnx.AttributeProto.SPARSE_TENSOR)
    given.sparse_tensor.values.CopyFrom(numpy_helper.from_array(np.ones(1, np.float32), "few"))
    given.sparse_tensor.indices.CopyFrom(numpy_helper.from_array(np.zeros(1, np.int64), "at"))
    given.sparse_tensor.dims.append(2**40)
    return node


TEXT = numpy_helper.from_array(np.array(["a" * 1000], object), "words")
REFUSED = {
    "the tensor 'few' is sparse, and may take any memory": sparse(),
    "the tensor 'words' has texts, of any length": helper.make_node(
        "Constant", [], ["big"], value=TEXT
    ),
    "the node 'n' is a Constant of texts": helper.make_node(
        "Constant", [], ["big"], "n", value_strings=["a"]
    ),
    "the node 'n' is a Cast of texts": helper.make_node(
        "Cast", ["x"], ["big"], "n", to=TensorProto.STRING
    ),
    "the node 'n' is a Unique, which may take any memory": helper.make_node(
        "Unique", ["x"], ["big"], "n"
    ),
    "the node 'n' is a STFT, which ends the process": helper.make_node(
        "STFT", ["x", "x"], ["big"], "n"
    ),
    "the node 'n' is a GatherND with an attribute beyond 2147483648": helper.make_node(
        "GatherND", ["x", "x"], ["big"], "n", batch_dims=-(2**63)
    ),
    "the node 'n' is a CDist of com.microsoft; accepted are ONNX's own": helper.make_node(
        "CDist", ["x", "x"], ["big"], "n", domain="com.microsoft"
    ),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_takes_memory_that_is_not_counted_is_refused(reason: str) -> None:
    with pytest.raises(UnsafeCheckpoint, match=reason):
        OnnxRuntime(graph(REFUSED[reason]), SIGNATURE)
