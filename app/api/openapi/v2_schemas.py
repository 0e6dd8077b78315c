"""OpenAPI schemas of the Open Inference Protocol."""

from pydantic.json_schema import JsonSchemaValue as Schema

from app.predict import JSON, PARAMETER
from app.predict.codecs import DATATYPES, JSON_LENGTH

ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string"}},
    "additionalProperties": False,
}
PARAMETERS: Schema = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "boolean"]},
}
DATA: Schema = {
    "type": "array",
    "items": {},
    "description": "in row order, flat or nested like the shape",
}
TENSOR: Schema = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "datatype": {"enum": list(DATATYPES)},
        "parameters": PARAMETERS,
        "data": DATA,
    },
}
REQUESTED_OUTPUT: Schema = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "parameters": PARAMETERS},
}
REQUEST: Schema = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "parameters": PARAMETERS,
        "inputs": {"type": "array", "items": TENSOR},
        "outputs": {"type": "array", "items": REQUESTED_OUTPUT},
    },
}
RESPONSE: Schema = {
    "type": "object",
    "required": ["model_name", "model_version", "outputs"],
    "properties": {
        "model_name": {"type": "string"},
        "model_version": {"type": "string"},
        "id": {"type": "string"},
        "outputs": {"type": "array", "items": TENSOR},
    },
}
BINARY: Schema = {"schema": {"type": "string", "format": "binary"}}
LENGTH: Schema = {
    "name": JSON_LENGTH,
    "description": "bytes of JSON before the raw tensors; 0 if the body is one raw input",
    "schema": {"type": "integer", "minimum": 0},
}


# The OpenAPI of an infer operation without its errors.
INFER_OPERATION: Schema = {
    "parameters": [PARAMETER, LENGTH | {"in": "header"}],
    "requestBody": {
        "required": True,
        "content": {JSON: {"schema": REQUEST}, "application/octet-stream": BINARY},
    },
    "responses": {
        "200": {
            "description": "The outputs, as JSON or, on request, as bytes after the JSON",
            "content": {JSON: {"schema": RESPONSE}, "application/octet-stream": BINARY},
        }
    },
}


def errors_of(*statuses: int | str) -> dict[int | str, Schema]:
    """The OpenAPI `responses` for these statuses, each `{"error": text}`."""
    content = {JSON: {"schema": ERROR}}
    return {status: {"description": "The error", "content": content} for status in statuses}
