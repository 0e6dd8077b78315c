"""The prediction log of models with any module: what is stored, feedback, and the report."""

import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from app.monitor.prediction_log.records import to_rows
from app.monitor.prediction_log.tensor_recorder import TensorRecorder
from app.monitor.prediction_log.tensor_records import MOST_CLASSES
from app.predict.pending_answer import PendingAnswer
from app.predict.tensors.prediction import TensorPass, TensorPrediction
from stateserve.model import load_model
from stateserve.model.feature import Feature
from stateserve.model.signature import Input, Output
from stateserve.model.signature_inference.histograms import histograms
from tests.tables import penguins, train_quickly, write
from tests.tensor_models import model_of, open_models, tokens, two_inputs

PICTURE = torch.rand(1, 9, 9, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def address(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'log.db'}"


def rows_of(address: str) -> list[dict[str, Any]]:
    with sqlite3.connect(address.removeprefix("sqlite:///")) as connection:
        connection.row_factory = sqlite3.Row
        found = connection.execute("SELECT * FROM predictions ORDER BY id").fetchall()
    connection.close()
    texts = ("inputs", "probabilities", "outputs", "true_value")
    return [
        dict(row) | {name: json.loads(row[name]) for name in texts if row[name] is not None}
        for row in found
    ]


async def test_a_table_drifts_from_its_training_rows(address: str) -> None:
    trained = np.random.default_rng(0).normal(size=(200, 2)).astype("f4")
    features = [Feature(name="a", unit="cm"), Feature(name="b")]
    table = Input(
        name="x",
        dtype="float32",
        shape=[-1, 2],
        features=features,
        histograms=histograms(trained),
        finite=False,
    )
    output = Output(name="output", dtype="float32", shape=[-1, 2])
    model = model_of(nn.Identity(), [table], [output], {"x": torch.rand(3, 2)})
    async with open_models(model, prediction_log=address) as client:
        before = (await client.get("/monitoring")).json()["drift"]
        rows = [{"a": float(a), "b": float(b) + 3} for a, b in trained]
        answer = await client.post("/predict", json={"instances": rows})
        # Feedback waits until the predictions are written.
        about = {"prediction_id": f"{answer.headers['x-prediction-id']}:0", "value": [0, 0]}
        await client.post("/feedback", json=about)
        drift = (await client.get("/monitoring")).json()["drift"]
    assert (before["rows"], before["features"][0]["psi"]) == (0, None)
    assert drift["rows"] == 200
    same, moved = drift["features"]
    assert (same["name"], same["unit"], same["level"]) == ("a", "cm", "none")
    assert same["psi"] == pytest.approx(0, abs=1e-3)
    assert (moved["level"], moved["above"] > 0.4) == ("major", True)


async def test_a_trained_table_drifts_in_its_categories_and_missing_values(
    tmp_path: Path, address: str
) -> None:
    model = load_model(train_quickly(write(tmp_path, penguins(300)), "species"))
    moved = penguins(300).replace("Dream", "Biscoe").replace("female", "").encode()
    async with open_models(model, prediction_log=address) as client:
        for body in (penguins(300), moved):
            answer = await client.post(
                "/predict", content=body, headers={"Content-Type": "text/csv"}
            )
            about = {"prediction_id": f"{answer.headers['x-prediction-id']}:0", "class": "Adelie"}
            await client.post("/feedback", json=about)
            report = (await client.get("/monitoring")).json()
            if body != moved:
                before = report["drift"]["features"]
        metrics = (await client.get("/metrics")).text
    # The test rows are among them.
    assert {each["level"] for each in before} == {"none"}
    assert all(each["psi"] < 0.02 for each in before)
    found = {each["name"]: each for each in report["drift"]["features"]}
    island, sex = found["island"], found["sex"]
    assert (island["values"], island["edges"]) == (["Biscoe", "Dream", "Torgersen"], None)
    assert island["window"] == pytest.approx([1 / 2, 1 / 6, 1 / 3])
    assert (island["level"], sex["level"]) == ("moderate", "major")
    lines = moved.decode().splitlines()[1:] + penguins(300).splitlines()[1:]
    lost = sum(not line.split(",")[2] for line in lines)
    assert sex["missing"] == pytest.approx(lost / 600)
    assert f'missing_inputs_total{{feature="sex",model="{model.name}"}} {lost}.0' in metrics
    assert [found[name]["level"] for name in ("bill_length_mm", "tagged", "year")] == ["none"] * 3


async def test_classes_of_short_inputs_are_stored_and_judged(address: str) -> None:
    model = tokens()
    async with open_models(model, prediction_log=address) as client:
        answer = await client.post("/predict", json={"instances": [[1, 2, 3], [4], [5, 6, 7]]})
        prediction = answer.headers["x-prediction-id"]
        labels = [each["class"] for each in answer.json()["predictions"]]
        for number in range(3):
            body = {"prediction_id": f"{prediction}:{number}", "class": "yes"}
            judged = (await client.post("/feedback", json=body)).json()
            assert judged["predictions"][0]["correct"] == (labels[number] == "yes")
        wrong = await client.post(
            "/feedback", json={"prediction_id": f"{prediction}:0", "class": "maybe"}
        )
        value = await client.post(
            "/feedback", json={"prediction_id": f"{prediction}:0", "value": 1}
        )
        report = (await client.get("/monitoring")).json()
    assert (wrong.status_code, value.status_code) == (422, 422)
    assert "known: no, yes" in wrong.json()["detail"]
    assert report["predictions"] == report["feedback"]["count"] == 3
    assert report["feedback"]["accuracy"] == labels.count("yes") / 3
    assert report["drift"] is report["values"] is None
    assert [each["count"] for each in report["classes"]] == [
        labels.count("no"),
        labels.count("yes"),
    ]
    by_input = {tuple(row["inputs"]["tokens"]): row for row in rows_of(address)}
    with torch.no_grad():
        expected = model.module(torch.tensor([[4]])).exp()[0].tolist()
    assert list(by_input[(4,)]["probabilities"].values()) == pytest.approx(expected)
    assert by_input[(4,)]["outputs"] == {}
    assert set(by_input) == {(1, 2, 3), (4,), (5, 6, 7)}


async def test_values_are_stored_and_judged(address: str) -> None:
    model = two_inputs()
    body = {"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0]}
    async with open_models(model, prediction_log=address) as client:
        answer = await client.post("/predict", json={"instances": [body, body]})
        prediction = answer.headers["x-prediction-id"]
        price = answer.json()["predictions"][0]["outputs"]["price"]
        for number, error in ((0, 1), (1, -3)):
            given = {"prediction_id": f"{prediction}:{number}", "value": price + error}
            judged = (await client.post("/feedback", json=given)).json()
            assert judged["predictions"][0]["absolute_error"] == pytest.approx(abs(error), rel=1e-4)
            assert judged["predictions"][0]["correct"] is None
        faults = [
            await client.post("/feedback", json={"prediction_id": f"{prediction}:0"} | each)
            for each in (
                {"value": [1, 2]},
                {"value": [[5]]},
                {"value": [[5], []]},
                {"value": "1"},
                {"value": True},
                {"value": []},
                {"class": "a"},
                {"class": "a", "value": 1},
                {},
            )
        ]
        report = (await client.get("/monitoring")).json()
    assert [each.status_code for each in faults] == [422] * len(faults)
    assert report["predictions"] == 2
    assert report["classes"] == []
    assert report["values"]["count"] == 2
    assert report["values"]["mean_absolute"] == pytest.approx(2, rel=1e-4)
    assert report["values"]["root_mean_squared"] == pytest.approx(5**0.5, rel=1e-4)
    first = rows_of(address)[0]
    assert first["inputs"] == body
    assert (first["class"], first["probabilities"]) == ("", {})
    assert first["outputs"]["price"] == pytest.approx(price, abs=1e-4)
    assert len(first["outputs"]["embedding"]) == 2


@pytest.mark.parametrize(
    ("shape", "fitting", "others"),
    [
        (
            (1,),
            (2.0, [2.0]),
            {
                "[[2.0]]": "lists of shape [1, 1] where a number or a list of 1 number belongs",
                "[2, 3]": "a list of 2 numbers where a number or a list of 1 number belongs",
                "[]": "a list without numbers where a number or a list of 1 number belongs",
            },
        ),
        (
            (2, 2),
            ([1, 2, 3, 4], [[1, 2], [3, 4]]),
            {
                "1": "a number where a list of 4 numbers or lists of shape [2, 2] belongs",
                "[[1, 2, 3], [4]]": "lists of different lengths where a list of 4 numbers or lists "
                "of shape [2, 2] belongs",
            },
        ),
    ],
)
async def test_a_true_value_has_the_form_of_the_output(
    address: str, shape: tuple[int, ...], fitting: tuple[object, ...], others: dict[str, str]
) -> None:
    """A regression has an output [rows, 1], one number for each row."""
    row = torch.arange(1.0, 1 + torch.Size(shape).numel()).reshape(1, *shape)
    model = model_of(
        nn.Identity(),
        [Input(name="x", dtype="float32", shape=[-1, *shape])],
        [Output(name="output", dtype="float32", shape=[-1, *shape])],
        {"x": row},
    )
    async with open_models(model, prediction_log=address) as client:
        answer = await client.post("/predict", json=row[0].tolist())
        about = {"prediction_id": f"{answer.headers['x-prediction-id']}:0"}
        for value in fitting:
            judged = await client.post("/feedback", json=about | {"value": value})
            (prediction,) = judged.json()["predictions"]
            expected = (torch.tensor(value).reshape(-1) - row.reshape(-1)).abs().mean().item()
            assert prediction["absolute_error"] == expected
        for text, detail in others.items():
            refused = await client.post("/feedback", json=about | {"value": json.loads(text)})
            fault = {"pointer": "/value", "detail": detail}
            assert (refused.status_code, refused.json()["errors"]) == (422, [fault])


async def test_of_large_tensors_a_hash_and_figures_are_stored(address: str) -> None:
    model = model_of(
        nn.Sequential(nn.ReLU()),
        [Input(name="x", dtype="float32", shape=[-1, 9, 9])],
        [Output(name="output", dtype="float32", shape=[-1, 9, 9])],
        {"x": PICTURE},
    )
    async with open_models(model, prediction_log=address) as client:
        answer = await client.post("/predict", json=PICTURE[0].tolist())
        assert answer.status_code == 200
        given = {"prediction_id": f"{answer.headers['x-prediction-id']}:0", "value": 1}
        assert (await client.post("/feedback", json=given)).status_code == 422
    (row,) = rows_of(address)
    values = PICTURE[0].numpy()
    found = row["inputs"]["x"]
    assert found["sha256"] == hashlib.sha256(values.tobytes()).hexdigest()
    assert (found["shape"], found["dtype"]) == ([9, 9], "float32")
    output = row["outputs"]["output"]
    assert output["norm"] == pytest.approx(float(np.linalg.norm(values)), rel=1e-5)
    assert (output["min"], output["max"]) == (float(values.min()), float(values.max()))


def test_of_many_classes_the_most_probable_are_stored() -> None:
    names = [f"class {index}" for index in range(1000)]
    model = model_of(
        nn.Linear(2, 1000),
        [Input(name="x", dtype="float32", shape=[-1, 2])],
        [Output(name="output", dtype="float32", shape=[-1, 1000], kind="logits", classes=names)],
        {"x": torch.rand(1, 2)},
    )
    inputs = {"x": np.ones((1, 2), np.float32)}
    whole = TensorPass([inputs], model.run(inputs), "output")
    records: list[Any] = []
    recorder = TensorRecorder(model, records.append)
    recorder.answered([(PendingAnswer(b"r", b"p"), TensorPrediction(whole, 0, 1), 0)])
    (row,) = to_rows(records)
    probabilities = json.loads(row[7])
    expected = torch.from_numpy(whole.outputs["output"])[0].softmax(0).topk(MOST_CLASSES)
    assert list(probabilities) == [names[place] for place in expected.indices.tolist()]
    assert list(probabilities.values()) == pytest.approx(expected.values.tolist(), rel=1e-5)
    assert row[8] == names[int(expected.indices[0])]
    assert json.loads(row[9] or "") == {"output": {"classes": 1000}}
