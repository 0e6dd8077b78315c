"""POST /explain through the whole application."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import torch

from app.settings.settings import Settings
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.cards.training_data import TrainingRows
from tests.project import SETOSA
from tests.service import open_client

VERSICOLOR = {"sepal_length": 6.0, "sepal_width": 2.7, "petal_length": 5.1, "petal_width": 1.6}


@pytest.mark.parametrize("flower", [SETOSA, VERSICOLOR])
async def test_one_flower(client: httpx.AsyncClient, flower: dict[str, float]) -> None:
    response = await client.post("/explain", json=flower)
    assert response.status_code == 200
    answer = response.json()
    predicted = (await client.post("/predict", json=flower)).json()
    for same in ("class", "index", "model"):
        assert answer[same] == predicted[same]
    assert answer["probabilities"] == pytest.approx(predicted["probabilities"])
    attributions = answer["attributions"]
    assert list(attributions["features"]) == list(flower)
    difference = attributions["logit"] - attributions["baseline_logit"]
    total = sum(attributions["features"].values())
    assert total == pytest.approx(difference + attributions["convergence_delta"], abs=1e-9)
    assert attributions["logit"] == pytest.approx(answer["activations"]["output"][answer["index"]])
    assert [len(values) for values in answer["activations"].values()] == [4, 8, 8, 3, 3]
    assert {name: len(rows) for name, rows in answer["neighbours"].items()} == dict.fromkeys(
        predicted["probabilities"], 3
    )


async def test_neighbours_of_the_most_probable_classes(client: httpx.AsyncClient) -> None:
    whole = (await client.post("/explain", json=VERSICOLOR)).json()
    two = (await client.post("/explain?neighbours=2", json=VERSICOLOR)).json()
    likely = sorted(whole["probabilities"], key=whole["probabilities"].get)[1:]
    neighbours = whole["neighbours"]
    assert two["neighbours"] == {name: neighbours[name] for name in neighbours if name in likely}
    assert two | {"neighbours": neighbours} == whole
    assert (await client.post("/explain?neighbours=0", json=VERSICOLOR)).json()["neighbours"] == {}


@pytest.mark.parametrize("flower", [SETOSA, VERSICOLOR])
async def test_the_counterfactual_has_the_class_that_it_names(
    client: httpx.AsyncClient, flower: dict[str, float]
) -> None:
    found = (await client.post("/explain", json=flower)).json()["counterfactual"]
    prediction = (await client.post("/predict", json=flower)).json()
    alone = (await client.post("/predict", json=found["features"])).json()
    batch = {"instances": [found["features"], flower] * 50}
    many = (await client.post("/predict", json=batch)).json()["predictions"]
    assert alone["class"] == many[0]["class"] == many[98]["class"] == found["class"]
    assert found["class"] != prediction["class"]
    for name, value in found["features"].items():
        assert value - flower[name] == pytest.approx(found["changes"][name], abs=1e-6)


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({"instances": [SETOSA]}, 422, "/instances: one flower is explained at a time"),
        ({"instances": [SETOSA] * 2}, 422, "/instances: one flower is explained at a time"),
        ({"sepal_length": 5.1}, 422, "/sepal_width: missing"),
    ],
)
async def test_what_is_not_one_flower_is_refused(
    client: httpx.AsyncClient, body: object, status: int, detail: str
) -> None:
    response = await client.post("/explain", json=body)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"].startswith(detail)


async def test_another_content_type_is_refused(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "text/plain"}
    assert (await client.post("/explain", content=b"{}", headers=headers)).status_code == 415
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = json.dumps(SETOSA).encode()
    wanted = (await client.post("/explain", json=SETOSA)).content
    assert (await client.post("/explain", content=body, headers=headers)).content == wanted
    assert (await client.post("/explain", content=b"5.1", headers=headers)).status_code == 415


@pytest.mark.parametrize("size", [1e30, -1e30])
async def test_huge_numbers_are_explained(client: httpx.AsyncClient, size: float) -> None:
    response = await client.post("/explain", json=dict.fromkeys(SETOSA, size))
    assert response.status_code == 200


async def test_an_overflow_is_the_callers_mistake(write_model: Callable[..., Path]) -> None:
    module = Multiclass(2, 3, 2).eval()
    with torch.no_grad():
        module.hidden.weight.fill_(1e10)
        module.output.weight.fill_(1e10)
    path = write_model(module=module, baseline=[0.0, 0.0])
    async with open_client(Settings(model=path)) as client:
        response = await client.post("/explain", json={"x0": 1e30, "x1": 1e30})
    assert response.status_code == 422
    assert "overflows" in response.json()["detail"]


async def test_a_card_without_baseline_is_501(write_model: Callable[..., Path]) -> None:
    async with open_client(Settings(model=write_model())) as client:
        response = await client.post("/explain", json=dict.fromkeys(["x0", "x1", "x2", "x3"], 0))
        model = (await client.get("/model")).json()
    assert response.status_code == 501
    assert model["unexplained"] == response.json()["detail"]
    assert response.headers["content-type"] == "application/problem+json"
    detail = response.json()["detail"]
    assert "holds no baseline" in detail
    assert detail.endswith("/predict, /model and /state work without")


async def test_without_captum_it_is_501(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    response = await client.post("/explain", json=SETOSA)
    assert response.status_code == 501
    assert "pip install captum`" in response.json()["detail"]


async def test_null_stands_for_what_is_not_there(write_model: Callable[..., Path]) -> None:
    module = Multiclass(2, 3, 2).eval()
    with torch.no_grad():
        module.output.weight.zero_()
    async with open_client(Settings(model=write_model(module=module, baseline=[0, 0]))) as client:
        answer = (await client.post("/explain", json={"x0": 0.5, "x1": -0.5})).json()
    assert answer["neighbours"] is None
    assert answer["counterfactual"] is None


async def test_a_class_without_training_rows_has_no_neighbours(
    write_model: Callable[..., Path],
) -> None:
    kept = TrainingRows(total=2, rows=[[0, 1], [1, 0]], labels=[1, 1])
    path = write_model(module=Multiclass(2, 3, 2).eval(), baseline=[0, 0], training_rows=kept)
    async with open_client(Settings(model=path)) as client:
        answer = (await client.post("/explain", json={"x0": 0.5, "x1": -0.5})).json()
    assert [len(rows) for rows in answer["neighbours"].values()] == [0, 2]


async def test_the_answer_says_of_how_many_rows_its_neighbours_are(
    write_model: Callable[..., Path],
) -> None:
    kept = TrainingRows(total=900, rows=[[0, 1], [1, 0]], labels=[0, 1])
    path = write_model(module=Multiclass(2, 3, 2).eval(), baseline=[0, 0], training_rows=kept)
    async with open_client(Settings(model=path)) as client:
        answer = (await client.post("/explain", json={"x0": 0.5, "x1": -0.5})).json()
    assert answer["training_rows"] == {"searched": 2, "total": 900}


async def test_the_schema_asks_for_one_instance(client: httpx.AsyncClient) -> None:
    operation = (await client.get("/openapi.json")).json()["paths"]["/explain"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/Instance"}
    assert "501" in operation["responses"]


@pytest.mark.parametrize("size", [5_000, 2**20])
async def test_a_body_of_more_than_one_flower_needs_is_refused(
    client: httpx.AsyncClient, size: int
) -> None:
    answer = await client.post("/explain", json={"x" * size: 1})
    assert answer.status_code == 413
    assert "bytes; at most 4" in answer.json()["detail"]
    assert "where one flower is explained" in answer.json()["detail"]
