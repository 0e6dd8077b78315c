"""The Open Inference Protocol's part of the OpenAPI document, and the shape of its errors."""

from http import HTTPStatus
from typing import Any

from app.predict import JSON
from app.predict.codecs import DATATYPES, JSON_LENGTH

Schema = dict[str, Any]
PREFIX = "/v2"
# The protocol knows one status for what is wrong with a request, and one for what is not read.
STATUS = {
    HTTPStatus.UNPROCESSABLE_ENTITY: HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.NOT_IMPLEMENTED,
}
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
DATA: Schema = {"type": "array", "description": "row by row, flat or nested as the shape is"}
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
ASKED: Schema = {
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
        "outputs": {"type": "array", "items": ASKED},
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
BINARY: Schema = {
    "schema": {"type": "string", "format": "binary"},
}
LENGTH: Schema = {
    "name": JSON_LENGTH,
    "description": "bytes of JSON before the raw tensors; 0 where the body is one raw input",
    "schema": {"type": "integer", "minimum": 0},
}


def infer_operation(parameter: Schema) -> Schema:
    """OpenAPI of an infer operation, beside its errors; `parameter` is one more header."""
    return {
        "parameters": [parameter, LENGTH | {"in": "header"}],
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": REQUEST}, "application/octet-stream": BINARY},
        },
        "responses": {
            "200": {
                "description": "The outputs; as bytes after the JSON where they were asked so",
                "content": {JSON: {"schema": RESPONSE}, "application/octet-stream": BINARY},
            }
        },
    }


def errors_of(*statuses: int | str) -> dict[int | str, Schema]:
    """OpenAPI's `responses` for these statuses, each `{"error": text}`."""
    content = {JSON: {"schema": ERROR}}
    return {status: {"description": "What was wrong", "content": content} for status in statuses}


def is_open_inference(path: str) -> bool:
    return path == PREFIX or path.startswith(f"{PREFIX}/")
