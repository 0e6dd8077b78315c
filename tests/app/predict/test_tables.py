"""A model of a table with categories, booleans and missing values, through the application."""

import io
import json
from collections.abc import AsyncIterator, Iterable
from itertools import permutations
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch

from app.settings.settings import Settings
from stateserve.model.architectures.tabular import Tabular
from stateserve.model.loading.load import load_model
from tests.service import open_client
from tests.tables import INSTANCE, ISLANDS, penguins, train_quickly, write
from training.tables.plan import Options

NAMES = list(INSTANCE)
NPY = {"Content-Type": "application/x-npy"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("penguins")
    return train_quickly(write(folder, penguins()), "species")


@pytest.fixture
async def client(model: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with open_client(Settings(model=model)) as client:
        yield client


def probabilities(model: Path, row: list[float]) -> list[float]:
    """Those of the module itself, without the service."""
    with torch.inference_mode():
        return load_model(model).module(torch.tensor([row])).exp()[0].tolist()


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({}, [1, 39.5, 0, 1, 2008]),
        ({"island": "Torgersen", "tagged": False}, [2, 39.5, 0, 0, 2008]),
        ({"bill_length_mm": None, "sex": None}, [1, np.nan, np.nan, 1, 2008]),
        ({"sex": " male ", "year": 2008.0}, [1, 39.5, 1, 1, 2008]),
    ],
)
async def test_an_instance_has_the_values_of_the_table(
    client: httpx.AsyncClient, model: Path, changes: dict[str, object], row: list[float]
) -> None:
    wanted = probabilities(model, row)
    instance = INSTANCE | changes
    many = {"instances": [INSTANCE, instance]}
    for body in (instance, list(instance.values()), {"x": instance}):
        answer = (await client.post("/predict", json=body)).json()
        assert list(answer["probabilities"].values()) == pytest.approx(wanted, rel=1e-5)
    answers = (await client.post("/predict", json=many)).json()["predictions"]
    assert list(answers[1]["probabilities"].values()) == pytest.approx(wanted, rel=1e-5)
    array = io.BytesIO()
    np.save(array, np.array([row], np.float32))
    answer = await client.post("/predict", content=array.getvalue(), headers=NPY)
    found = np.exp(np.load(io.BytesIO(answer.content)))[0].tolist()
    assert found == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "pointer", "detail"),
    [
        (
            {"island": "Atlantis"},
            "/island",
            '"Atlantis" where one of "Biscoe", "Dream", "Torgersen" belongs',
        ),
        ({"island": None}, "/island", 'null where one of "Biscoe", "Dream", "Torgersen" belongs'),
        ({"island": 1}, "/island", 'a number where one of "Biscoe", "Dream", "Torgersen" belongs'),
        ({"sex": "f"}, "/sex", '"f" where one of "female", "male" or null belongs'),
        ({"sex": True}, "/sex", 'true where one of "female", "male" or null belongs'),
        ({"tagged": 1}, "/tagged", "a number where true or false belongs"),
        ({"tagged": "yes"}, "/tagged", '"yes" where true or false belongs'),
        ({"tagged": None}, "/tagged", "null where true or false belongs"),
        ({"year": None}, "/year", "null where a finite number belongs"),
        ({"bill_length_mm": "39"}, "/bill_length_mm", "a string where a finite number belongs"),
        ({"height": 1}, "/height", "unknown field; the features are " + ", ".join(NAMES)),
    ],
)
async def test_another_value_is_refused_with_those_that_are_known(
    client: httpx.AsyncClient, changes: dict[str, object], pointer: str, detail: str
) -> None:
    answer = await client.post("/predict", json=INSTANCE | changes)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"pointer": pointer, "detail": detail}]
    many = await client.post("/predict", json={"instances": [INSTANCE, INSTANCE | changes]})
    assert many.json()["errors"][0]["pointer"] == f"/instances/1{pointer}"


async def test_a_column_that_is_left_out_is_named(client: httpx.AsyncClient) -> None:
    short = {name: value for name, value in INSTANCE.items() if name != "sex"}
    answer = await client.post("/predict", json=short)
    detail = 'missing; one of "female", "male" or null is needed'
    assert answer.json()["errors"] == [{"pointer": "/sex", "detail": detail}]
    answer = await client.post("/predict", json=list(short.values()))
    assert answer.json()["errors"] == [{"pointer": "", "detail": "4 values, not 5"}]


@pytest.mark.parametrize(
    ("row", "pointer"),
    [
        ([3, 39.5, 0, 1, 2008], "/0/island"),
        ([0.5, 39.5, 0, 1, 2008], "/0/island"),
        ([np.nan, 39.5, 0, 1, 2008], "/0/island"),
        ([1, np.inf, 0, 1, 2008], "/0/bill_length_mm"),
        ([1, 39.5, -1, 1, 2008], "/0/sex"),
        ([1, 39.5, 0, 2, 2008], "/0/tagged"),
        ([1, 39.5, 0, 1, np.nan], "/0/year"),
    ],
)
async def test_numbers_that_are_no_values_of_the_columns_are_refused(
    client: httpx.AsyncClient, row: list[float], pointer: str
) -> None:
    good, bad = io.BytesIO(), io.BytesIO()
    np.save(good, np.array([[1, 39.5, 0, 1, 2008]], np.float32))
    np.save(bad, np.array([row], np.float32))
    assert (await client.post("/predict", content=good.getvalue(), headers=NPY)).is_success
    answer = await client.post("/predict", content=bad.getvalue(), headers=NPY)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 5], "data": row}
    body = json.dumps({"inputs": [tensor]}).replace("NaN", "1e999").replace("Infinity", "1e999")
    v2 = await client.post("/v2/models/model/infer", content=body)
    assert v2.status_code == 400


async def test_the_example_is_a_valid_instance(client: httpx.AsyncClient) -> None:
    model = (await client.get("/model")).json()
    assert model["example"].keys() == INSTANCE.keys()
    assert model["example"]["island"] in ISLANDS
    assert (await client.post("/predict", json=model["example"])).is_success


async def test_the_schema_says_what_each_column_takes(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    instance = json.dumps(document["components"]["schemas"]["Instance"])
    assert '"island": {"enum": ["Biscoe", "Dream", "Torgersen"]}' in instance
    assert '"sex": {"anyOf": [{"enum": ["female", "male"]}, {"type": "null"}]}' in instance
    assert '"tagged": {"type": "boolean"}' in instance


async def test_what_the_columns_are_is_state_that_no_optimizer_trains(
    client: httpx.AsyncClient,
) -> None:
    mean = (await client.get("/state/columns.mean")).json()
    assert (mean["kind"], mean["trainable"], mean["shape"]) == ("buffer", False, [3])
    weight = (await client.get("/state/output.weight")).json()
    assert (weight["kind"], weight["trainable"]) == ("parameter", True)


async def test_the_columns_share_the_score_as_shapley_says(
    client: httpx.AsyncClient, model: Path
) -> None:
    row = torch.tensor([[1, 39.5, torch.nan, 1, 2008]])
    module = load_model(model).module
    assert isinstance(module, Tabular)

    def score(columns: Iterable[int]) -> float:
        given = module.columns.fill[None].clone()
        given[:, list(columns)] = row[:, list(columns)]
        with torch.inference_mode():
            return float(module(given)[0, index])

    answer = (await client.post("/explain", json=INSTANCE | {"sex": None})).json()
    index = answer["index"]
    wanted = dict.fromkeys(NAMES, 0.0)
    for order in permutations(range(5)):
        for count, place in enumerate(order):
            gain = score(order[: count + 1]) - score(order[:count])
            wanted[NAMES[place]] += gain / 120
    assert answer["method"] == "shapley"
    assert answer["attributions"]["x"] == pytest.approx(wanted, abs=1e-5)
    assert answer["score"] == pytest.approx(score(range(5)), abs=1e-5)
    assert answer["baseline_score"] == pytest.approx(score([]), abs=1e-5)
    answer = await client.post("/explain?method=saliency", json=INSTANCE)
    assert answer.status_code == 501
    assert "which have no gradient" in answer.json()["detail"]
    answer = await client.post("/explain?method=none&activations=columns", json=INSTANCE)
    assert answer.json()["activations"][0]["layer"] == "columns"


async def test_many_columns_share_the_score_nearly_so(tmp_path: Path) -> None:
    names = [f"c{place}" for place in range(14)]
    lines = [",".join([*names, "y"])]
    for row in range(60):
        values = [(row * (place + 3)) % 17 / 4 for place in range(14)]
        lines.append(",".join(map(str, [*values, 3 * values[2] - values[5]])))
    options = Options(hidden=(), epochs=200)
    model = train_quickly(write(tmp_path, "\n".join(lines)), "y", options=options)
    module = load_model(model).module
    assert isinstance(module, Tabular)
    instance = dict.fromkeys(names, 3.0)
    async with open_client(Settings(model=model)) as client:
        answer = (await client.post("/explain", json=instance)).json()
    # Of a sum of functions of one column each, the shares are their changes, in any order.
    base = module.columns.fill[None]
    for place, name in enumerate(names):
        changed = base.clone()
        changed[0, place] = 3.0
        with torch.inference_mode():
            gain = float(module(changed)["value"] - module(base)["value"])
        assert answer["attributions"]["x"][name] == pytest.approx(gain, abs=1e-4)


async def test_a_text_of_many_other_values_is_taken_as_other(tmp_path: Path) -> None:
    rows = "".join(f"c{row // 4},{row % 2}\n" for row in range(240))
    model = train_quickly(write(tmp_path, "city,y\n" + rows), "y")
    async with open_client(Settings(model=model)) as client:
        found = [
            (await client.post("/predict", json={"city": city})).json()["probabilities"]
            for city in ("Nowhere", "Elsewhere")
        ]
        assert found[0] == found[1]
        answer = await client.post("/predict", json={"city": None})
        assert answer.json()["errors"][0]["detail"] == "null where a text belongs"


async def test_a_number_is_answered_with_its_interval(tmp_path: Path) -> None:
    rows = "".join(f"{row},{'ab'[row % 2]},{row * 2.5 + row % 3}\n" for row in range(60))
    path = write(tmp_path, "size (m2),kind,price (EUR)\n" + rows)
    model = train_quickly(path, "price (EUR)")
    async with open_client(Settings(model=model)) as client:
        answer = (await client.post("/predict", json={"size": 10, "kind": "a"})).json()
        low, high = answer["outputs"]["interval"]
        assert low < high
        assert answer["units"] == {"value": "EUR", "interval": "EUR"}
