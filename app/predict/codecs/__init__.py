"""The formats of requests and answers: bytes to rows, predictions to bytes."""

from app.predict.codecs.json_format import JsonFormat, model_reference
from app.predict.codecs.json_request import TableRows, most_bytes_of_one, parse_instances
from app.predict.codecs.json_text import JsonObject, describe, parse_json
from app.predict.codecs.v2_answer import render
from app.predict.codecs.v2_faults import FAULTS, invalid_body, require_each_once
from app.predict.codecs.v2_metadata import ModelConfig, ModelMetadata, ServerMetadata
from app.predict.codecs.v2_model import (
    TensorInfo,
    V2Description,
    V2Model,
    WantedOutput,
    require_no_shared_memory,
)
from app.predict.codecs.v2_request import JSON_LENGTH, InferRequest, read_request, require_none_of
from app.predict.codecs.v2_tensor_data import (
    BYTES,
    CHUNK,
    DATATYPES,
    Tensor,
    from_bytes,
    from_values,
    to_pieces,
)

__all__ = [
    "BYTES",
    "CHUNK",
    "DATATYPES",
    "FAULTS",
    "JSON_LENGTH",
    "InferRequest",
    "JsonFormat",
    "JsonObject",
    "ModelConfig",
    "ModelMetadata",
    "ServerMetadata",
    "TableRows",
    "Tensor",
    "TensorInfo",
    "V2Description",
    "V2Model",
    "WantedOutput",
    "describe",
    "from_bytes",
    "from_values",
    "invalid_body",
    "model_reference",
    "most_bytes_of_one",
    "parse_instances",
    "parse_json",
    "read_request",
    "render",
    "require_each_once",
    "require_no_shared_memory",
    "require_none_of",
    "to_pieces",
]
