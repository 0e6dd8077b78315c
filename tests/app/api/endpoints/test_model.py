"""GET /model: the card, and the architecture in code and state."""

import json
from datetime import UTC, datetime

import httpx
import pandas as pd
import pytest

from stateserve.checkpoint.read import read_state
from stateserve.checkpoint.state_hash import state_sha256
from stateserve.model.architectures.multiclass import Multiclass
from tests import signature_models
from tests.project import IRIS
from tests.tensor_models import open_models


async def test_the_model_is_described(client: httpx.AsyncClient) -> None:
    model = (await client.get("/model")).json()
    assert model["card"] == json.loads(IRIS.with_suffix(".json").read_text())
    assert model["state_sha256"] == state_sha256(read_state(IRIS))
    assert datetime.fromisoformat(model["loaded"]) <= datetime.now(UTC)
    assert model["architecture"] == str(Multiclass())
    assert [layer["type"] for layer in model["layers"]] == [
        "Identity",
        "Linear",
        "ReLU",
        "Linear",
        "LogSoftmax",
    ]
    assert [layer["parameters"] for layer in model["layers"]] == [0, 40, 0, 27, 0]
    assert model["totals"]["parameters"] == model["trainable"] == 67


async def test_the_answer_is_compressed_for_a_client_that_reads_it(
    client: httpx.AsyncClient,
) -> None:
    plain = await client.get("/model", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    short = await client.get("/model", headers={"Accept-Encoding": "gzip"})
    assert short.headers["content-encoding"] == "gzip"
    assert int(short.headers["content-length"]) < len(plain.content) / 2
    assert short.json() == plain.json()


async def test_training_rows_are_sent_by_columns(client: httpx.AsyncClient) -> None:
    card = json.loads(IRIS.with_suffix(".json").read_text())
    kept, names = card["training_rows"], [feature["name"] for feature in card["features"]]
    left_out = (await client.get("/model", params={"training_rows": False})).json()
    assert left_out["training_rows"] == len(kept["rows"])
    assert left_out["card"] == {name: card[name] for name in card if name != "training_rows"}
    path = "/model/training_rows"
    columns = (await client.get(path, params={"feature": ["petal_width", names[0]]})).json()
    assert columns["columns"] == {
        "petal_width": [row[names.index("petal_width")] for row in kept["rows"]],
        names[0]: [row[0] for row in kept["rows"]],
    }
    assert columns["labels"] == kept["labels"]
    row = (await client.get(path, params={"row": [7]})).json()
    assert row["columns"] == {name: [kept["rows"][7][place]] for place, name in enumerate(names)}
    assert row["labels"] == kept["labels"][7:8]
    none = (await client.get(path, params={"columns": False})).json()
    assert none["columns"] == {}
    frame = pd.DataFrame(kept["rows"], columns=names)
    within = frame.groupby(kept["labels"]).transform(lambda column: column - column.mean())
    wanted = frame.var() / (within**2).mean() * (len(frame) - 1) / len(frame)
    assert none["separation"] == pytest.approx(wanted.tolist())


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ({"feature": "petal_widht"}, "'petal_widht' is no feature; did you mean 'petal_width'?"),
        ({"row": 150}, "row: 150; the card has rows 0 to 104"),
        ({"row": -1}, "row: -1; the card has rows 0 to 104"),
    ],
)
async def test_a_training_row_or_feature_that_is_not_there(
    client: httpx.AsyncClient, query: dict[str, str], detail: str
) -> None:
    answer = await client.get("/model/training_rows", params=query)
    assert answer.status_code == 422
    assert detail in answer.json()["detail"]


async def test_a_model_without_training_rows() -> None:
    async with open_models(signature_models.regression()) as client:
        answer = await client.get("/model/training_rows")
        assert answer.status_code == 501
        assert (await client.get("/model", params={"training_rows": False})).is_success
