"""Schemas of JSON objects with fixed fields."""

from pydantic.json_schema import JsonSchemaValue as Schema


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
# Beside the answers to the rows of a text/csv body.
TABLE: Schema = {
    "type": "object",
    "description": "What was read: `rows` of the file, `columns` by feature, `others` of no "
    "feature, the `target` with its `truth`, the `score`, `notes`, and with skip_bad_rows how many "
    "rows were `left_out`, and why the first of them are `bad`; the `header` of the file "
    "by feature, its `separator` and `decimal_mark`.",
}
