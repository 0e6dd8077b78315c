"""Adds API keys to the OpenAPI document: the scope of each operation, and its refusals."""

from collections.abc import Callable

from pydantic.json_schema import JsonSchemaValue as Schema

from app.api.open_inference import is_open_inference
from app.api.openapi.schemas import problems
from app.api.openapi.v2_schemas import errors_of

KEY: Schema = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key, which must have the scope that the operation names.",
}


def require_keys(document: Schema, needs: Callable[[str], str | None]) -> None:
    """Add keys to an OpenAPI document; `needs` returns the scope that a path requires."""
    for path, operations in document["paths"].items():
        if scope := needs(path):
            document["components"]["securitySchemes"] = {"key": KEY}
            refusals = errors_of if is_open_inference(path) else problems
            for operation in operations.values():
                operation["security"] = [{"key": [scope]}]
                operation["responses"] |= refusals("401", "403", "429")
