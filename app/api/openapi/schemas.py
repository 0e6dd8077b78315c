"""OpenAPI schemas of /predict, made from the model card, and of problem details."""

import json
from typing import Any

from app.api.problems import PROBLEM_TYPE
from app.predict import JSON
from app.predict.codecs import LARGEST
from stateserve.model import AnyCard, Card, Feature
from stateserve.text import shortest

Schema = dict[str, Any]

PROBLEM: Schema = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457 problem details.",
    "required": ["title", "status", "detail"],
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "offset": {"type": "integer", "description": "position of the error in the body, in bytes"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}


DISTANCE = "Mahalanobis distance to the nearest class mean, in standard deviations"
SHARE = "share of the training rows that are at most as far from their nearest class mean"
OUT_OF_DISTRIBUTION = "farther from the nearest class mean than 99 % of the training rows"
SCHEMAS = "#/components/schemas/"
BINARY: Schema = {"schema": {"type": "string", "format": "binary"}}


def reference(name: str) -> Schema:
    return {"$ref": f"{SCHEMAS}{name}"}


def problems(*statuses: int | str) -> dict[int | str, Schema]:
    """The OpenAPI `responses` for these statuses, each a Problem."""
    content = {PROBLEM_TYPE: {"schema": reference("Problem")}}
    return {status: {"description": "Problem details", "content": content} for status in statuses}


PREDICTION_RESPONSES: dict[int | str, Schema] = {
    200: {
        "description": "One answer for one flower, a list of answers for `instances`.",
        "content": {
            JSON: {"schema": {"anyOf": [reference("Prediction"), reference("Predictions")]}}
        },
    }
}


def complete(document: Schema, card: AnyCard, max_instances: int, binary_types: list[str]) -> None:
    """Add the parts that depend on the card and the installed packages to `document`."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(_schemas(card, max_instances) if isinstance(card, Card) else _any(max_instances))
    binary = dict.fromkeys(binary_types, BINARY)
    for path, operations in document["paths"].items():
        if path.endswith("/predict"):
            predict = operations["post"]
            predict["requestBody"] = _request_body(card if isinstance(card, Card) else None)
            predict["requestBody"]["content"] |= binary
            predict["responses"]["200"]["content"] |= binary
        if "{model}" in path:
            document["paths"][path] = _of_any_model(operations)


def _of_any_model(operations: Schema) -> Schema:
    """The same operations for a path with {model}, where the card is not known."""
    text = json.dumps(operations)
    for name in ("Instance", "Instances", "Prediction", "Predictions"):
        text = text.replace(f'{SCHEMAS}{name}"', f'{SCHEMAS}Any{name}"')
    generic: Schema = json.loads(text)
    for operation in generic.values():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            content.pop("examples", None)
    return generic


def _request_body(card: Card | None) -> Schema:
    features = card.features if card else []
    example = {feature.name: feature.example or 0.0 for feature in features}
    return {
        "required": True,
        "content": {
            JSON: {
                "schema": {"anyOf": [reference("Instance"), reference("Instances")]},
                "examples": {
                    "one": {"summary": "One instance", "value": example},
                    "many": {"summary": "Many instances", "value": {"instances": [example] * 2}},
                },
            }
        },
    }


def _any(max_instances: int) -> dict[str, Schema]:
    many = {"type": "array", "minItems": 1, "maxItems": max_instances}
    names = ("Prediction", "Predictions", "AnyPrediction", "AnyPredictions")
    return {
        "Problem": PROBLEM,
        **{name: {} for name in ("Instance", "AnyInstance")},
        **{name: _record({"instances": many}) for name in ("Instances", "AnyInstances")},
        **{name: {"type": "object"} for name in names},
    }


def _schemas(card: Card, max_instances: int) -> dict[str, Schema]:
    by_class = _record({}, {name: {"type": "number"} for name in card.classes})
    warning = {"feature": {"type": "string"}, "value": {"type": "number"}}
    answer: Schema = {
        "class": {"enum": card.classes},
        "index": {"type": "integer", "minimum": 0, "maximum": len(card.classes) - 1},
        "probabilities": by_class,
        "warnings": {"type": "array", "items": _record(warning | {"detail": {"type": "string"}})},
    }
    novelty: dict[str, Schema] = {
        "distance": {"type": "number", "minimum": 0, "description": DISTANCE},
        "training_share": {"type": "number", "minimum": 0, "maximum": 1, "description": SHARE},
        "out_of_distribution": {"type": "boolean", "description": OUT_OF_DISTRIBUTION},
    }
    optional = {"log_probabilities": by_class, "novelty": _record(novelty)}
    model = {name: {"type": "string"} for name in ("name", "version", "state_sha256")}
    many = {"type": "array", "minItems": 1, "items": reference("Instance")}
    return {
        "Problem": PROBLEM,
        "Instance": _record({feature.name: _number(feature) for feature in card.features}),
        "Instances": _record({"instances": many | {"maxItems": max_instances}}),
        "AnyInstance": {"type": "object", "additionalProperties": {"type": "number"}},
        "AnyInstances": _record({"instances": many | {"items": reference("AnyInstance")}}),
        "AnyPrediction": {"type": "object"},
        "AnyPredictions": {"type": "object"},
        "Answer": _record(answer, optional),
        "Model": _record(model),
        "Prediction": _record(answer | {"model": reference("Model")}, optional),
        "Predictions": _record(
            {
                "predictions": {"type": "array", "items": reference("Answer")},
                "model": reference("Model"),
            }
        ),
    }


def _record(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    return {
        "type": "object",
        "properties": required | (optional or {}),
        "required": list(required),
        "additionalProperties": False,
    }


def _number(feature: Feature) -> Schema:
    number: Schema = {"type": "number", "minimum": -LARGEST, "maximum": LARGEST}
    if feature.range is None:
        return number
    low, high = feature.range
    unit = f" {feature.unit}" if feature.unit else ""
    return number | {
        "examples": [feature.example],
        "description": f"trained on {shortest(low)} to {shortest(high)}{unit}",
    }
