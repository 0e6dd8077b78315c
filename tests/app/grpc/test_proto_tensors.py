"""Tensors in ModelInfer's messages, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidInference
from app.grpc import open_inference_pb2 as pb
from app.grpc.infer_response import answer
from app.grpc.proto_tensors import FIELDS, read_inputs
from app.predict.codecs.v2_tabular import TabularV2
from app.predict.codecs.v2_tensor_data import CHUNK, Tensor, bytes_array
from stateserve.model.predictor import Predictor
from tests.project import IRIS
from tests.tensors import TENSORS, require_same

MODEL = TabularV2(Predictor.load(IRIS), max_instances=10)
RAW = pb.ModelInferRequest(raw_input_contents=[b"raw"])


def as_request(content: bytes) -> pb.ModelInferRequest:
    """The outputs of an answer as the inputs of a request: the fields are the same."""
    response = pb.ModelInferResponse.FromString(content)
    inputs = [
        pb.ModelInferRequest.InferInputTensor.FromString(each.SerializeToString())
        for each in response.outputs
    ]
    return pb.ModelInferRequest(inputs=inputs, raw_input_contents=response.raw_output_contents)


@given(st.lists(TENSORS, min_size=1, max_size=3))
def test_raw_contents_come_back_as_they_went(tensors: list[Tensor]) -> None:
    found = list(read_inputs(as_request(answer(RAW, MODEL, tensors))))
    for each, wanted in zip(found, tensors, strict=True):
        require_same(each, wanted)


@given(TENSORS.filter(lambda tensor: tensor.datatype in FIELDS))
def test_typed_contents_come_back_as_they_went(tensor: Tensor) -> None:
    (found,) = read_inputs(as_request(answer(pb.ModelInferRequest(), MODEL, [tensor])))
    require_same(found, tensor)


@pytest.mark.parametrize("request_", [RAW, pb.ModelInferRequest()], ids=["raw", "typed"])
def test_an_answer_written_in_pieces_is_one_message(request_: pb.ModelInferRequest) -> None:
    rows = 2 * CHUNK + 3
    labels = bytes_array([b"%d" % row for row in range(rows)])
    tensors = [
        Tensor("index", "INT64", np.arange(rows)),
        Tensor("probabilities", "FP32", np.arange(2 * rows, dtype="f4").reshape(rows, 2)),
        Tensor("label", "BYTES", labels),
    ]
    content = answer(request_, MODEL, tensors)
    for each, wanted in zip(read_inputs(as_request(content)), tensors, strict=True):
        require_same(each, wanted)
    assert pb.ModelInferResponse.FromString(content).model_name == MODEL.name


NAMES = st.sampled_from([*FIELDS, "FP16", "", "FP8"])
INPUTS = st.builds(
    pb.ModelInferRequest.InferInputTensor,
    name=st.just("input"),
    datatype=NAMES,
    shape=st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 4), max_size=10),
    contents=st.none()
    | st.builds(
        pb.InferTensorContents,
        fp32_contents=st.lists(st.floats(width=32), max_size=4),
        int_contents=st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4),
        bytes_contents=st.lists(st.binary(max_size=3), max_size=3),
    ),
)


@given(st.lists(INPUTS, max_size=2), st.lists(st.binary(max_size=20), max_size=2))
def test_any_inputs_are_read_or_refused(inputs: list, raw: list[bytes]) -> None:
    request = pb.ModelInferRequest(inputs=inputs, raw_input_contents=raw)
    try:
        found = list(read_inputs(request))
    except InvalidInference:
        return
    assert [tensor.shape for tensor in found] == [list(each.shape) for each in inputs]


@pytest.mark.parametrize(
    ("tensor", "raw", "message"),
    [
        ({"datatype": "FP16", "shape": [1]}, [], "contents of datatype 'FP16'; BOOL, INT8"),
        ({"datatype": "FP32", "shape": [1], "contents": {"int_contents": [1]}}, [], "int_contents"),
        ({"datatype": "INT8", "shape": [1], "contents": {"int_contents": [128]}}, [], "beyond"),
        ({"datatype": "FP32", "shape": [2], "contents": {"fp32_contents": [1]}}, [], "1 elements"),
        ({"datatype": "FP32", "shape": [1]}, [], "0 elements; its shape [1] has 1"),
        ({"datatype": "FP32", "shape": [1], "contents": {}}, [b"1234"], "both contents and raw"),
        ({"datatype": "FP32", "shape": [1]}, [b"1234"] * 2, "2 raw contents for 1 inputs"),
        ({"datatype": "FP32", "shape": [1]}, [b"123"], "3 bytes; FP32 [1] takes 4"),
    ],
)
def test_what_does_not_fit_is_named(tensor: dict, raw: list[bytes], message: str) -> None:
    request = pb.ModelInferRequest(inputs=[{"name": "x"} | tensor], raw_input_contents=raw)
    with pytest.raises(InvalidInference) as caught:
        list(read_inputs(request))
    assert message in str(caught.value)
