"""OpenAPI schemas of /predict for a model with any module, made from its signature."""

import base64
import struct
import zlib
from collections.abc import Mapping

from pydantic import JsonValue
from pydantic.json_schema import JsonSchemaValue as Schema

from app.api.openapi.records import TABLE, WARNINGS, record
from app.predict import MULTIPART
from app.predict.codecs.tensors import ValueRule
from stateserve.model import ANY, Feature, ImageInput, Input, ModelCard, Output, axes_text

KINDS = {bool: "boolean", int: "integer", float: "number"}
# The sides of a picture of any size.
OPEN_PIXELS = 32
NO_WARNINGS: Schema = {"type": "array", "maxItems": 0}
NUMBER: Schema = {"type": "number"}
ANSWERS = {
    "log_probabilities": NUMBER,
    "logits": NUMBER,
    "probabilities": NUMBER | {"minimum": 0, "maximum": 1},
}


def tensor_schemas(card: ModelCard, max_instances: int) -> dict[str, Schema]:
    """Instance, Instances, Answer, Prediction and Predictions."""
    by_name = record({each.name: _input(each) for each in card.inputs})
    if card.equal_axes:
        rules = [f"of equal lengths: {axes_text(group)}" for group in card.signature.equal]
        by_name |= {"description": "; ".join(rules)}
    only = card.inputs[0] if len(card.inputs) == 1 else None
    instance = by_name if only is None else {"anyOf": [_input(only), by_name]}
    many = {"type": "array", "minItems": 1, "maxItems": max_instances}
    units = {each.name: {"const": each.unit} for each in card.outputs if each.unit}
    about: dict[str, Schema] = {"model": {"$ref": "#/components/schemas/Model"}}
    about |= {"units": record(units)} if units else {}
    alone = len(card.outputs) == 1 and card.outputs[0].classifies
    ranges = any(column.range for each in card.inputs for column in each.features or ())
    if alone:
        answer = _class(card.outputs[0], {"warnings": WARNINGS if ranges else NO_WARNINGS})
    else:
        outputs = record({each.name: _output(each) for each in card.outputs})
        answer = record({"outputs": outputs} | ({"warnings": WARNINGS} if ranges else {}))
    answers = {"type": "array", "items": {"$ref": "#/components/schemas/Answer"}}
    return {
        "Instance": instance,
        "Instances": record(
            {"instances": many | {"items": {"$ref": "#/components/schemas/Instance"}}}
        ),
        "Model": record({name: {"type": "string"} for name in ("name", "version", "state_sha256")}),
        "Answer": answer,
        "Prediction": answer
        | {"properties": answer["properties"] | about, "required": [*answer["required"], *about]},
        "Predictions": record({"predictions": answers, **about}, {"table": TABLE}),
    }


def tensor_content(card: ModelCard, media_types: list[str]) -> dict[str, Schema]:
    """The contents of a request in these formats other than JSON."""
    binary: Schema = {"schema": {"type": "string", "format": "binary"}}
    content = dict.fromkeys(media_types, binary)
    if MULTIPART in content:
        parts: dict[str, Schema] = {
            each.name: {
                "type": "array",
                "minItems": 1,
                "items": binary["schema"] if each.image else {"description": "a JSON value"},
            }
            for each in card.inputs
        }
        content[MULTIPART] = {"schema": record(parts)}
    return content


def tensor_example(card: ModelCard, example: JsonValue) -> JsonValue:
    """A valid instance by input name: pictures as base64, and the values of `example`, if any.

    None if there is no short one.
    """
    given: Mapping[str, JsonValue] = example if isinstance(example, dict) else {}
    if len(card.inputs) == 1 and card.inputs[0].features:
        return dict(given)
    found: dict[str, JsonValue] = {}
    for each in card.inputs:
        if each.image is not None:
            found[each.name] = {"b64": base64.b64encode(_blank(each, each.image)).decode()}
        elif each.name in given:
            found[each.name] = given[each.name]
        else:
            return None
    return found


def _input(given: Input) -> Schema:
    rule = ValueRule.of(given)
    value: Schema = {"type": KINDS[rule.kind]}
    if rule.kind is not bool:
        value |= {"minimum": rule.low, "maximum": rule.high}
    forms = [_nested(value, given.row_shape)]
    if given.features:
        columns = {each.name: _column(each, value) for each in given.features}
        forms.insert(0, record(columns))
        if not given.plain:
            count = len(columns)
            row: Schema = {"type": "array", "prefixItems": list(columns.values())}
            forms[1:] = [row | {"minItems": count, "maxItems": count}]
    if given.image:
        text = {"type": "string", "contentEncoding": "base64"}
        forms.insert(0, record({"b64": text | {"description": "a PNG or JPEG file"}}))
    return forms[0] if len(forms) == 1 else {"anyOf": forms}


def _column(feature: Feature, number: Schema) -> Schema:
    """The values of one column of a table."""
    found = number
    if feature.kind == "boolean":
        found = {"type": "boolean"}
    elif feature.values is not None:
        found = {"type": "string", "minLength": 1} if feature.other else {"enum": feature.values}
    if feature.missing:
        found = {"anyOf": [found, {"type": "null"}]}
    return found | ({"description": f"in {feature.unit}"} if feature.unit else {})


def _nested(value: Schema, shape: list[int]) -> Schema:
    for length in reversed(shape):
        bounds: Schema = {"minItems": 1}
        if length != ANY:
            bounds = {"minItems": length, "maxItems": length}
        value = {"type": "array", "items": value, **bounds}
    return value


def _class(output: Output, more: dict[str, Schema]) -> Schema:
    classes = output.labels
    values = {
        name: {"type": "object", "additionalProperties": kind}
        for name, kind in (
            ("probabilities", ANSWERS["probabilities"]),
            # Of a probability of 0 it is null.
            ("log_probabilities", {"type": ["number", "null"]}),
        )
    }
    about: dict[str, Schema] = {
        "class": {"enum": classes},
        "index": {"type": "integer", "minimum": 0, "maximum": len(classes) - 1},
        "probabilities": values["probabilities"],
    }
    schema = record(about | more)
    schema["properties"]["log_probabilities"] = values["log_probabilities"]
    return schema


def _output(output: Output) -> Schema:
    if output.classifies:
        return _class(output, {})
    kind = {"bool": "boolean"}.get(output.dtype, "number" if "float" in output.dtype else "integer")
    # NaN and infinity are null.
    value: Schema = {"type": [kind, "null"] if kind == "number" else kind}
    schema = _nested(value, output.row_shape)
    return schema | ({"description": f"in {output.unit}"} if output.unit else {})


def _blank(given: Input, image: ImageInput) -> bytes:
    """A black PNG of grey pixels, which becomes an instance of the input."""
    axes = dict(zip(image.layout, given.row_shape, strict=True))
    height, width = (OPEN_PIXELS if axes[each] == ANY else axes[each] for each in "HW")
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(height * (width + 1)), 9)),
        (b"IEND", b""),
    ]
    chunks = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
