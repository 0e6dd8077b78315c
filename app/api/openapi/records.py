"""Schemas of JSON objects with fixed fields."""

from typing import Any

Schema = dict[str, Any]


def record(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    return {
        "type": "object",
        "properties": required | (optional or {}),
        "required": list(required),
        "additionalProperties": False,
    }


# Of values outside of their training range.
WARNINGS: Schema = {
    "type": "array",
    "items": record(
        {"feature": {"type": "string"}, "value": {"type": "number"}, "detail": {"type": "string"}}
    ),
}
