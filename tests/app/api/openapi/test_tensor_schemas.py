"""The OpenAPI document of models with any signature: its schemas and examples hold."""

import base64
from typing import Any

import httpx
import pytest

from stateserve.model import TensorModel
from tests import signature_models, tensor_models

MODELS = {
    "pictures": signature_models.pictures,
    "pictures-resized": lambda: signature_models.pictures(crop=[4, 4]),
    "any-size": lambda: signature_models.same(
        "float32", [-1, -1, -1], image={"mode": "L", "layout": "HW"}
    ),
    "two-inputs": signature_models.two_inputs,
    "two-heads": signature_models.two_heads,
    "tokens": signature_models.tokens,
    "regression": signature_models.regression,
    "bool": lambda: signature_models.same("bool", [-1, 2, 2]),
    "bfloat16": lambda: signature_models.same("bfloat16", [-1, 2]),
    "scalar": lambda: signature_models.same("int8", [-1]),
    "picture-and-number": signature_models.picture_and_number,
    "lenet": tensor_models.lenet,
}


def validate(value: Any, schema: Any) -> None:
    # Imported here: it takes seconds, in each process that collects the tests.
    import jsonschema

    jsonschema.validate(value, schema)


def whole(document: Any, name: str) -> Any:
    return {"$ref": f"#/components/schemas/{name}", "components": document["components"]}


async def post(client: httpx.AsyncClient, content: str, example: Any) -> httpx.Response:
    return await client.post(
        "/predict?log_probabilities=true" if content == "log" else "/predict", json=example
    )


@pytest.mark.parametrize("name", MODELS)
async def test_each_example_is_valid_and_so_is_its_answer(name: str) -> None:
    model: TensorModel = MODELS[name]()
    async with tensor_models.open_models(model) as client:
        document = (await client.get("/openapi.json")).json()
        predict = document["paths"]["/predict"]["post"]
        examples = predict["requestBody"]["content"]["application/json"]["examples"]
        for example, schemas in (("one", "Instance Prediction"), ("many", "Instances Predictions")):
            given, answered = schemas.split()
            value = examples[example]["value"]
            validate(value, whole(document, given))
            answer = await client.post("/predict", json=value)
            assert answer.is_success, answer.text
            validate(answer.json(), whole(document, answered))
        if model.classes:
            logs = await client.post("/predict?log_probabilities=true&top=1", json=value)
            validate(logs.json(), whole(document, answered))
        of_any = document["paths"]["/models/{model}/predict"]["post"]["requestBody"]["content"]
        assert of_any.keys() == predict["requestBody"]["content"].keys()
        for media_type in predict["responses"]["200"]["content"]:
            answer = await client.post("/predict", json=value, headers={"accept": media_type})
            assert answer.headers["content-type"] == media_type


async def test_the_schema_says_which_values_are_accepted() -> None:
    async with tensor_models.open_models(signature_models.tokens()) as client:
        document = (await client.get("/openapi.json")).json()
    bare, by_name = document["components"]["schemas"]["Instance"]["anyOf"]
    item = {"type": "integer", "minimum": 0, "maximum": 49}
    assert bare == {"type": "array", "minItems": 1, "items": item}
    assert by_name["properties"] == {"ids": bare}
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert list(content) == [
        "application/json",
        "application/x-npy",
        "application/x-npz",
        "application/vnd.safetensors",
    ]


async def test_pictures_are_files_in_the_schema() -> None:
    async with tensor_models.open_models(signature_models.pictures()) as client:
        document = (await client.get("/openapi.json")).json()
        content = document["paths"]["/predict"]["post"]["requestBody"]["content"]
        assert {"image/png", "image/jpeg", "multipart/form-data"} <= content.keys()
        example = content["application/json"]["examples"]["one"]["value"]["image"]["b64"]
        headers = {"content-type": "image/png"}
        answer = await client.post("/predict", content=base64.b64decode(example), headers=headers)
    assert answer.is_success
