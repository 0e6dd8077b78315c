"""OpenAPI schemas of /predict, made from the model card, and of problem details."""

import json
from collections.abc import Sequence
from copy import deepcopy

from pydantic import JsonValue
from pydantic.json_schema import JsonSchemaValue as Schema

from app.api.openapi.records import TABLE, WARNINGS, record
from app.api.openapi.tensor_schemas import tensor_content, tensor_example, tensor_schemas
from app.api.problems import PROBLEM_TYPE
from app.predict import JSON, LARGEST
from stateserve.model import AnyCard, Card, Feature
from stateserve.text import shortest

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
# For a path with {model}, whose signature is not known.
ANY_SCHEMAS: dict[str, Schema] = {
    "Problem": PROBLEM,
    "AnyInstance": {
        "anyOf": [
            {"type": "object"},
            {"type": "array", "items": {}},
            {"type": "number"},
            {"type": "boolean"},
        ]
    },
    "AnyInstances": record({"instances": {"type": "array", "minItems": 1, "items": {}}}),
    "AnyPrediction": {"type": "object"},
    "AnyPredictions": {"type": "object"},
}


def reference(name: str) -> Schema:
    return {"$ref": f"{SCHEMAS}{name}"}


def problems(*statuses: int | str) -> dict[int | str, Schema]:
    """The OpenAPI `responses` for these statuses, each a Problem."""
    content = {PROBLEM_TYPE: {"schema": reference("Problem")}}
    return {status: {"description": "Problem details", "content": content} for status in statuses}


PREDICTION_RESPONSES: dict[int | str, Schema] = {
    200: {
        "description": "One answer for one instance, a list of answers for `instances`.",
        "content": {
            JSON: {"schema": {"anyOf": [reference("Prediction"), reference("Predictions")]}}
        },
    }
}


def complete(
    document: Schema,
    card: AnyCard,
    example: JsonValue,
    max_instances: int,
    media_types: Sequence[str],
    answer_types: Sequence[str],
) -> None:
    """Add the parts that depend on the model and the installed packages to `document`.

    `example` is an instance of a model with any module, or None.
    """
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(ANY_SCHEMAS)
    if isinstance(card, Card):
        schemas.update(_schemas(card, max_instances))
    else:
        schemas.update(tensor_schemas(card, max_instances))
    body, answers = _contents(card, example, media_types), dict.fromkeys(answer_types, BINARY)
    del answers[JSON]
    for path, operations in document["paths"].items():
        if path.endswith("/predict"):
            predict = operations["post"]
            predict["requestBody"] = deepcopy(body)
            predict["responses"]["200"]["content"] |= answers
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


def _contents(card: AnyCard, example: JsonValue, media_types: Sequence[str]) -> Schema:
    """The body of a request, as JSON with examples or in another format."""
    others = [name for name in media_types if name != JSON]
    content: Schema = {"schema": {"anyOf": [reference("Instance"), reference("Instances")]}}
    if isinstance(card, Card):
        example = {feature.name: feature.example or 0.0 for feature in card.features}
        binary = dict.fromkeys(others, BINARY)
    else:
        example = tensor_example(card, example)
        binary = tensor_content(card, others)
    if example is not None:
        content["examples"] = {
            "one": {"summary": "One instance", "value": example},
            "many": {"summary": "Many instances", "value": {"instances": [example] * 2}},
        }
    return {"required": True, "content": {JSON: content, **binary}}


def _schemas(card: Card, max_instances: int) -> dict[str, Schema]:
    by_class = record({}, {name: {"type": "number"} for name in card.classes})
    answer: Schema = {
        "class": {"enum": card.classes},
        "index": {"type": "integer", "minimum": 0, "maximum": len(card.classes) - 1},
        "probabilities": by_class,
        "warnings": WARNINGS,
    }
    novelty: dict[str, Schema] = {
        "distance": {"type": "number", "minimum": 0, "description": DISTANCE},
        "training_share": {"type": "number", "minimum": 0, "maximum": 1, "description": SHARE},
        "out_of_distribution": {"type": "boolean", "description": OUT_OF_DISTRIBUTION},
    }
    optional = {"log_probabilities": by_class, "novelty": record(novelty)}
    model = {name: {"type": "string"} for name in ("name", "version", "state_sha256")}
    many = {"type": "array", "minItems": 1, "items": reference("Instance")}
    return {
        "Instance": record({feature.name: _number(feature) for feature in card.features}),
        "Instances": record({"instances": many | {"maxItems": max_instances}}),
        "Answer": record(answer, optional),
        "Model": record(model),
        "Prediction": record(answer | {"model": reference("Model")}, optional),
        "Predictions": record(
            {
                "predictions": {"type": "array", "items": reference("Answer")},
                "model": reference("Model"),
            },
            {"table": TABLE},
        ),
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
