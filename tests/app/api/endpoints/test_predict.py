"""POST /predict through the whole application."""

import io
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch

from app.settings.settings import Settings
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.feature import Feature
from tests.project import IRIS, SETOSA
from tests.service import open_client

VIRGINICA = {"sepal_length": 6.3, "sepal_width": 3.3, "petal_length": 6.0, "petal_width": 2.5}


def expected_log_probabilities(*flowers: dict[str, float]) -> np.ndarray:
    """Load the model and predict as the article does."""
    model = Multiclass()
    model.load_state_dict(torch.load(IRIS))
    with torch.no_grad():
        return model(torch.tensor([list(flower.values()) for flower in flowers])).numpy()


async def test_one_flower(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict", json=SETOSA)
    assert response.status_code == 200
    answer = response.json()
    assert answer["class"] == "setosa"
    assert answer["index"] == 0
    assert answer["warnings"] == []
    assert answer["model"]["name"] == "iris-model"
    assert len(answer["model"]["state_sha256"]) == 12
    assert "log_probabilities" not in answer
    assert list(answer["probabilities"]) == ["setosa", "versicolor", "virginica"]
    wanted = np.exp(expected_log_probabilities(SETOSA)[0])
    np.testing.assert_allclose(list(answer["probabilities"].values()), wanted, rtol=1e-6)


async def test_many_flowers_with_log_probabilities(client: httpx.AsyncClient) -> None:
    flowers = [SETOSA, VIRGINICA, SETOSA]
    response = await client.post("/predict?log_probabilities=true", json={"instances": flowers})
    answers = response.json()["predictions"]
    assert [answer["class"] for answer in answers] == ["setosa", "virginica", "setosa"]
    found = [list(answer["log_probabilities"].values()) for answer in answers]
    np.testing.assert_allclose(found, expected_log_probabilities(*flowers), rtol=1e-6)


async def test_values_outside_the_training_range_are_answered_with_a_warning(
    client: httpx.AsyncClient,
) -> None:
    flowers = [SETOSA, SETOSA | {"petal_width": 9.0}]
    answers = (await client.post("/predict", json={"instances": flowers})).json()["predictions"]
    assert answers[0]["warnings"] == []
    assert answers[1]["warnings"] == [
        {
            "feature": "petal_width",
            "value": 9.0,
            "detail": "outside the training range 0.1 to 2.5 cm",
        }
    ]


async def test_the_edges_of_the_range_are_inside(client: httpx.AsyncClient) -> None:
    features = json.loads(IRIS.with_suffix(".json").read_text())["features"]
    for edge in ("minimum", "maximum"):
        flower = {feature["name"]: feature[edge] for feature in features}
        assert (await client.post("/predict", json=flower)).json()["warnings"] == []


@pytest.mark.parametrize("value", [1e30, -1e30, 0, -0.0, 5e-324])
async def test_the_largest_and_smallest_numbers_are_answered(
    client: httpx.AsyncClient, value: float
) -> None:
    response = await client.post("/predict", json=dict.fromkeys(SETOSA, value))
    assert response.status_code == 200
    assert sum(response.json()["probabilities"].values()) == pytest.approx(1)


async def test_a_forward_pass_that_overflows_is_the_callers_to_mend(
    write_model: Callable[..., Path],
) -> None:
    module = Multiclass().eval()
    with torch.no_grad():
        module.hidden.weight[:, 0] = 1e10
    flower = {f"x{index}": 1.0 for index in range(4)}
    async with open_client(Settings(model=write_model(module=module))) as client:
        assert (await client.post("/predict", json=flower)).status_code == 200
        response = await client.post(
            "/predict", json={"instances": [flower, flower | {"x0": 1e30}]}
        )
        alone = await client.post("/predict", json=flower | {"x0": 1e30})
    assert (response.status_code, alone.status_code) == (422, 422)
    assert response.json()["errors"][0]["pointer"] == "/instances/1"
    assert alone.json()["errors"][0]["pointer"] == ""


@pytest.mark.parametrize(
    ("headers", "detail"),
    [
        ({"Content-Type": "text/xml"}, "Content-Type 'text/xml'; send application/json"),
        ({"Content-Type": "application/json; charset=latin-1"}, "send application/json in UTF-8"),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, "uncompressed"),
    ],
)
async def test_other_content_is_refused(
    client: httpx.AsyncClient, headers: dict[str, str], detail: str
) -> None:
    response = await client.post("/predict", content=json.dumps(SETOSA), headers=headers)
    assert response.status_code == 415
    assert detail in response.json()["detail"]


@pytest.mark.parametrize("given", ["", "application/x-www-form-urlencoded"])
async def test_json_needs_no_media_type(client: httpx.AsyncClient, given: str) -> None:
    headers = {"Content-Type": given} if given else {}
    wanted = (await client.post("/predict", json=SETOSA)).content
    body = b"\n  " + json.dumps(SETOSA).encode()
    assert (await client.post("/predict", content=body, headers=headers)).content == wanted
    broken = await client.post("/predict", content=body[:-1], headers=headers)
    assert (broken.status_code, "not valid JSON" in broken.json()["detail"]) == (400, True)
    other = await client.post("/predict", content=b"5.1,3.5", headers=headers)
    assert (other.status_code, "send application/json" in other.json()["detail"]) == (415, True)


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("topk=2", "topk: no such parameter; did you mean 'top'?"),
        ("top=1&log_probabilities=true&top=2", "'top': given twice; each parameter is taken once"),
        ("zzz=1", "zzz: no such parameter; known: 'log_probabilities', 'top', "),
    ],
)
async def test_an_unknown_or_repeated_parameter_is_named(
    client: httpx.AsyncClient, query: str, detail: str
) -> None:
    for path in ("/predict", "/models/iris-model/predict"):
        answer = await client.post(f"{path}?{query}", json=SETOSA)
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith(detail)


@pytest.mark.parametrize("number", ["1_0", "%2B1", "1%0a", "%201", "1.0", "\u0661", "1e0", ""])
async def test_a_whole_number_of_a_query_has_digits_alone(
    client: httpx.AsyncClient, number: str
) -> None:
    answers = [
        await client.post(f"/predict?top={number}", json=SETOSA),
        await client.post(f"/explain?neighbours={number}", json=SETOSA),
        await client.get(f"/model/training_rows?row={number}"),
        *[await client.get(f"/state?{name}={number}") for name in ("offset", "limit", "nodes")],
        await client.get(f"/state/linear1.bias?histogram={number}"),
    ]
    for answer in answers:
        assert answer.status_code == 422
        assert "accepted is a whole number" in answer.text


async def test_another_method_says_which_to_send(client: httpx.AsyncClient) -> None:
    answer = await client.get("/predict")
    assert answer.status_code == 405
    assert answer.json()["detail"] == "GET is not allowed at /predict; send POST"


async def test_a_body_over_the_limit_is_refused_with_and_without_its_length() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * 1000

    headers = {"Content-Type": "application/json"}
    async with open_client(Settings(model=IRIS, max_body_bytes=2000)) as client:
        for content in (b" " * 2001, chunks()):
            response = await client.post("/predict", content=content, headers=headers)
            assert response.status_code == 413
            assert "2000" in response.json()["detail"]
            assert response.headers["connection"] == "close"
        padded = json.dumps(SETOSA).ljust(2000)
        assert (await client.post("/predict", content=padded, headers=headers)).is_success


async def test_more_instances_than_the_limit_are_refused() -> None:
    async with open_client(Settings(model=IRIS, max_instances=2)) as client:
        response = await client.post("/predict", json={"instances": [SETOSA] * 3})
    assert response.status_code == 413
    assert response.json()["detail"] == "/instances: 3 instances; at most 2 are taken"


async def test_mistakes_come_back_as_problem_details(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict", json=SETOSA | {"petal_width": "wide"})
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "/petal_width: a string where a finite number belongs",
        "errors": [{"pointer": "/petal_width", "detail": "a string where a finite number belongs"}],
    }


async def test_broken_json_names_the_byte(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    response = await client.post("/predict", content=b'{"sepal_length":', headers=headers)
    assert response.status_code == 400
    assert response.json()["offset"] == 16


async def test_an_unknown_query_parameter_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.post("/predict?logs=true", json=SETOSA)
    assert response.status_code == 422
    assert response.json()["errors"][0]["parameter"] == "logs"


async def test_calibrated_probabilities_are_those_of_the_cards_temperature(
    client: httpx.AsyncClient,
) -> None:
    temperature = json.loads(IRIS.with_suffix(".json").read_text())["calibration"]["temperature"]
    query = {"calibrated": "true", "log_probabilities": "true"}
    answer = (await client.post("/predict", json=VIRGINICA, params=query)).json()
    logits = torch.from_numpy(expected_log_probabilities(VIRGINICA)[0]).double() / temperature
    wanted = torch.softmax(logits, 0).numpy()
    found = list(answer["probabilities"].values())
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    np.testing.assert_allclose(list(answer["log_probabilities"].values()), np.log(found))
    assert answer["class"] == "virginica"


async def test_novelty_tells_strange_flowers_from_usual_ones(client: httpx.AsyncClient) -> None:
    flowers = [SETOSA, dict.fromkeys(SETOSA, 20.0)]
    response = await client.post(
        "/predict", json={"instances": flowers}, params={"out_of_distribution": "true"}
    )
    usual, strange = (answer["novelty"] for answer in response.json()["predictions"])
    assert not usual["out_of_distribution"]
    assert strange["out_of_distribution"]
    assert strange["training_share"] == 1
    assert usual["distance"] < strange["distance"]


@pytest.mark.parametrize("query", ["calibrated", "out_of_distribution"])
async def test_what_the_card_does_not_hold_is_501(
    write_model: Callable[..., Path], query: str
) -> None:
    async with open_client(Settings(model=write_model())) as client:
        response = await client.post(f"/predict?{query}=true", json={f"x{i}": 0 for i in range(4)})
    assert response.status_code == 501
    assert response.json()["detail"].startswith(f"{query}: the model card holds no")


async def test_a_warning_shows_all_digits(write_model: Callable[..., Path]) -> None:
    features = [Feature(name=f"x{at}", minimum=436, maximum=1226717, example=0) for at in range(4)]
    async with open_client(Settings(model=write_model(features=features))) as client:
        flower = dict.fromkeys(("x0", "x1", "x2", "x3"), 436) | {"x1": 1226718}
        (warning,) = (await client.post("/predict", json=flower)).json()["warnings"]
        detail = "outside the training range 436 to 1226717"
        assert warning == {"feature": "x1", "value": 1226718, "detail": detail}
        described = (await client.get("/openapi.json")).json()["components"]["schemas"]["Instance"]
        assert described["properties"]["x1"]["description"] == "trained on 436 to 1226717"


async def test_top_answers_the_most_probable_classes_highest_first(
    client: httpx.AsyncClient,
) -> None:
    body = {"instances": [SETOSA, VIRGINICA]}
    whole = (await client.post("/predict?log_probabilities=true", json=body)).json()
    top = (await client.post("/predict?top=2&log_probabilities=true", json=body)).json()
    for found, each in zip(top["predictions"], whole["predictions"], strict=True):
        for name in ("probabilities", "log_probabilities"):
            best = sorted(each[name].items(), key=lambda item: -item[1])[:2]
            assert list(found[name].items()) == best
        assert {**found, "probabilities": 0, "log_probabilities": 0} == {
            **each,
            "probabilities": 0,
            "log_probabilities": 0,
        }
    npy = await client.post("/predict?top=2", json=body, headers={"accept": "application/x-npy"})
    found = np.load(io.BytesIO(npy.content))
    classes = list(whole["predictions"][0]["probabilities"])
    for row, each in zip(found, top["predictions"], strict=True):
        named = [(classes[int(index)], value) for index, value in row]
        assert named == [(n, pytest.approx(v)) for n, v in each["probabilities"].items()]
