"""What generators of clients need of the document: names, titles, and examples that are valid."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from app.api.app import create_app
from app.settings.settings import Settings
from stateserve.model import load_model
from stateserve.model.tensor_model import TensorModel
from tests.project import IRIS
from tests.signature_models import picture_and_number, pictures, regression, two_heads
from tests.tables import penguins, train_quickly, write
from tests.tensor_models import lenet, publish, two_inputs

Schema = dict[str, Any]


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[Schema]:
    """Of iris, and of models of other kinds."""
    app = create_app(Settings(model=IRIS, hot_reload=False))
    found = [app.openapi()]
    table = train_quickly(write(tmp_path_factory.mktemp("table"), penguins()), "species")
    made = [lenet(), two_inputs(), pictures(), picture_and_number(), regression(), two_heads()]
    for model in (*made, load_model(table)):
        assert isinstance(model, TensorModel)
        publish(app, model)
        found.append(app.openapi())
    return found


def operations(document: Schema) -> Iterator[Schema]:
    return (each for path in document["paths"].values() for each in path.values())


def test_operations_have_short_names_that_stay(documents: list[Schema]) -> None:
    for document in documents:
        names = [each["operationId"] for each in operations(document)]
        assert len(names) == len(set(names))
        assert all(re.fullmatch("[a-z0-9_]{3,40}", name) for name in names), names
        assert {"predict", "predict_of_model", "predict_of_version", "explain"} <= set(names)
        assert {"list_models", "diff_versions", "v2_infer_of_model", "v2_live"} <= set(names)


def test_schemas_have_names_of_their_own(documents: list[Schema]) -> None:
    for document in documents:
        schemas = document["components"]["schemas"]
        assert not [name for name in schemas if "__" in name]
        titles = Counter(each["title"] for each in schemas.values() if "title" in each)
        assert not [title for title, count in titles.items() if count > 1]


def test_examples_are_valid(documents: list[Schema]) -> None:
    checked = 0
    for document in documents:
        for schema, example in examples(document):
            whole = {"components": document["components"], **schema}
            Draft202012Validator.check_schema(whole)
            Draft202012Validator(whole).validate(example)
            checked += 1
    assert checked > 2 * len(documents)


def examples(node: Any) -> Iterator[tuple[Schema, Any]]:
    """Each schema with an example of it, those of media types included."""
    if isinstance(node, list):
        for each in node:
            yield from examples(each)
    if not isinstance(node, dict):
        return
    found = node.get("examples")
    if isinstance(found, list):
        yield from ((node, example) for example in found)
    elif isinstance(found, dict) and "schema" in node:
        yield from ((node["schema"], example["value"]) for example in found.values())
    for each in node.values():
        yield from examples(each)
