"""OpenAPI: which scope each operation asks of a key, and how it refuses the others."""

from collections.abc import Callable
from typing import Any

from app.api.openapi.schemas import problems
from app.api.openapi.v2_schemas import errors_of, is_open_inference

Schema = dict[str, Any]
KEY: Schema = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key, which must have the scope that the operation names.",
}


def require_keys(document: Schema, needs: Callable[[str], str | None]) -> None:
    """Add to an OpenAPI document the keys; `needs` tells the scope that a path asks."""
    for path, operations in document["paths"].items():
        if scope := needs(path):
            document["components"]["securitySchemes"] = {"key": KEY}
            refusals = errors_of if is_open_inference(path) else problems
            for operation in operations.values():
                operation["security"] = [{"key": [scope]}]
                operation["responses"] |= refusals("401", "403", "429")
