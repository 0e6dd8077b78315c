"""Reads the tensors and the requested outputs of a ModelInferRequest."""

from collections.abc import Iterator, Sequence
from typing import Any

from app.errors import InvalidInference, InvalidTensor
from app.grpc import open_inference_pb2 as pb
from app.predict.codecs import (
    BYTES,
    Tensor,
    TensorInfo,
    WantedOutput,
    from_bytes,
    from_values,
    require_no_shared_memory,
)

# The field of InferTensorContents that holds each datatype; FP16 and BF16 are only sent raw.
FIELDS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    BYTES: "bytes_contents",
}


MOST_AXES = MOST_INPUTS = 64


def describe_inputs(request: pb.ModelInferRequest) -> list[TensorInfo]:
    """The inputs without their data."""
    return [
        # Of a longer shape only the start is needed, to refuse it.
        TensorInfo(each.name, each.datatype, list(each.shape[:MOST_AXES]))
        for each in request.inputs[:MOST_INPUTS]
    ]


def read_inputs(request: pb.ModelInferRequest) -> Iterator[Tensor]:
    """Raises InvalidInference or InvalidTensor."""
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise InvalidInference(f"{len(raw)} raw contents for {len(request.inputs)} inputs")
    for index, given in enumerate(request.inputs):
        require_no_shared_memory(given.name, given.parameters)
        shape = list(given.shape)
        if raw and given.HasField("contents"):
            raise InvalidTensor(given.name, "both contents and raw contents")
        if raw:
            yield from_bytes(given.name, given.datatype, shape, raw[index])
        else:
            yield from_values(given.name, given.datatype, shape, _contents(given))


def read_outputs(request: pb.ModelInferRequest) -> list[WantedOutput]:
    """Raises InvalidTensor."""
    return [WantedOutput.of(each.name, _parameters(each.parameters)) for each in request.outputs]


def _contents(given: pb.ModelInferRequest.InferInputTensor) -> Sequence[object]:
    field = FIELDS.get(given.datatype)
    if field is None:
        raise InvalidTensor(
            given.name, f"contents of datatype {given.datatype!r}; {', '.join(FIELDS)} have a field"
        )
    if others := [each.name for each, _ in given.contents.ListFields() if each.name != field]:
        raise InvalidTensor(given.name, f"{', '.join(others)}; {given.datatype} is in {field}")
    values: Sequence[object] = getattr(given.contents, field)
    return values


def _parameters(given: Any) -> dict[str, object]:
    return {
        name: getattr(value, kind) if (kind := value.WhichOneof("parameter_choice")) else None
        for name, value in given.items()
    }
