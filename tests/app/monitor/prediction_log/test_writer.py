"""The logged rows, through the real application, on both databases."""

import asyncio
import io
import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from app.monitor.prediction_log.records import shortest
from app.settings.settings import Settings
from stateserve.model.cards.tabular_card import read_card
from tests.app.monitor.prediction_log.conftest import (
    NAMED,
    metric,
    names,
    predict,
    query,
    until,
    written,
)
from tests.process import running_server
from tests.project import IRIS, SETOSA
from tests.service import open_client

CARD = read_card(IRIS.with_suffix(".json"))
Make = Callable[..., Settings]


async def test_what_was_answered_is_what_is_logged(settings: Make, address: str) -> None:
    before = time.time()
    async with open_client(settings()) as client:
        flower = SETOSA | {"petal_width": 0.30000001}
        answer = await client.post("/predict", json=flower, headers={"X-Request-ID": "one"})
    (row,) = query(address, "SELECT * FROM predictions")
    row_id, request_id, model, version, state, logged, inputs, probabilities, *judged = row
    assert (row_id, request_id) == (f"{answer.headers['X-Prediction-ID']}:0", "one")
    assert (model, version, state) == ("iris-model", "1", CARD.state_sha256)
    assert before <= logged <= time.time()
    as_object = json.loads if isinstance(inputs, str) else dict
    # The shortest decimal number that is the same float32.
    assert as_object(inputs) == SETOSA | {"petal_width": 0.3}
    assert as_object(probabilities) == answer.json()["probabilities"]
    assert judged == ["setosa", None, None, None, None]


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_an_input_is_the_same_float32_when_read_again(values: list[float]) -> None:
    rows = np.array(values, np.float32)
    assert (shortest(rows).astype(np.float32) == rows).all()


async def test_every_media_type_and_any_size_is_logged(settings: Make, address: str) -> None:
    rows = np.tile(np.array([list(SETOSA.values())], np.float32), (2500, 1))
    npy, arrow = io.BytesIO(), pa.BufferOutputStream()
    np.save(npy, rows)
    table = pa.table({name: rows[:3, index] for index, name in enumerate(SETOSA)})
    with pa.ipc.new_stream(arrow, table.schema) as writer:
        writer.write_table(table)
    bodies = {
        "application/x-npy": npy.getvalue(),
        "application/vnd.apache.arrow.stream": arrow.getvalue().to_pybytes(),
        "application/json": json.dumps({"instances": [SETOSA] * 70}).encode(),
    }
    async with open_client(settings()) as client:
        for media_type, content in bodies.items():
            headers = {"Content-Type": media_type, "X-Request-ID": media_type.split("/")[1]}
            answer = await client.post("/predict", content=content, headers=headers)
            assert answer.status_code == 200
        query_too = "/models/iris-model/versions/1/predict?calibrated=true"
        await client.post(query_too, json=SETOSA, headers={"X-Request-ID": "query"})
    wanted = [f"x-npy:{index}" for index in range(2500)] + [f"json:{index}" for index in range(70)]
    wanted += [f"vnd.apache.arrow.stream:{index}" for index in range(3)] + ["query:0"]
    assert sorted(names(address)) == sorted(wanted)


async def test_each_of_a_batch_is_logged_with_its_own_values(
    settings: Make, address: str, tmp_path: Path
) -> None:
    # Requests of one to three instances; every fifth is not logged.
    sizes = [1 + number % 3 for number in range(30)]

    async def ask(client: httpx.AsyncClient, name: str) -> None:
        together = []
        for number, size in enumerate(sizes):
            body = {"instances": [SETOSA | {"sepal_length": number + n / 10} for n in range(size)]}
            headers = {"X-Request-ID": f"{name}{number}"}
            headers |= {} if number % 5 else {"X-Prediction-Log": "off"}
            together.append(client.post("/predict", json=body, headers=headers))
        assert {answer.status_code for answer in await asyncio.gather(*together)} == {200}

    async with open_client(settings()) as client:
        await ask(client, "app")
        assert 0 < await metric(client, "prediction_batch_size_count") < len(sizes)
    # By the fast path (app/server/predict_fast_path.py).
    with running_server(tmp_path / "log", "--prediction-log", address) as server:
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
            await ask(client, "socket")
        assert server.stop() == 0
    logged = {}
    for name, inputs in query(address, f"SELECT {NAMED}, inputs FROM predictions"):
        values = json.loads(inputs) if isinstance(inputs, str) else dict(inputs)
        logged[name] = values["sepal_length"]
    wanted = {
        f"{name}{number}:{n}": number + n / 10
        for name in ("app", "socket")
        for number, size in enumerate(sizes)
        for n in range(size)
        if number % 5
    }
    assert logged == wanted


async def test_a_refused_request_is_not_logged(settings: Make, address: str) -> None:
    async with open_client(settings()) as client:
        await client.post("/predict", json=SETOSA | {"petal_width": "wide"})
        await client.post("/predict", json=dict.fromkeys(SETOSA, 1e39))
        await predict(client, "good")
    assert names(address) == ["good:0"]


async def test_predictions_are_written_while_the_service_runs(settings: Make, address: str) -> None:
    async with open_client(settings(prediction_log_flush_seconds=0.05)) as client:
        await predict(client, "a")
        await written(client, 1)
        assert names(address) == ["a:0"]


async def test_two_requests_of_one_id_are_two_rows(settings: Make, address: str) -> None:
    other = dict(zip(SETOSA, (6.3, 3.3, 6.0, 2.5), strict=True))
    async with open_client(settings()) as client:
        first = await predict(client, "twice")
        # An id that the server gave to another request does not help either.
        second = await predict(client, first, other)
        third = await predict(client, "twice", {"instances": [other, other]})
    found = dict(query(address, "SELECT id, class FROM predictions"))
    assert found == {
        f"{first}:0": "setosa",
        f"{second}:0": "virginica",
        f"{third}:0": "virginica",
        f"{third}:1": "virginica",
    }


async def test_ids_have_nothing_in_common(tmp_path: Path) -> None:
    async with open_client(Settings(prediction_log=f"sqlite:///{tmp_path}/log.db")) as client:
        answers = [await client.post("/predict", json=SETOSA) for _ in range(200)]
    for name in ("X-Request-ID", "X-Prediction-ID"):
        found = [int(answer.headers[name], 16) for answer in answers]
        assert len(set(found)) == len(answers)
        # Each bit is set in half of the ids, within 9 standard deviations.
        for bit in range(128):
            count = sum(one >> bit & 1 for one in found)
            changed = sum((a ^ b) >> bit & 1 for a, b in pairwise(found))
            assert abs(count - 100) < 64
            assert abs(changed - 100) < 64
    assert not {answer.headers["X-Request-ID"] for answer in answers} & {
        answer.headers["X-Prediction-ID"] for answer in answers
    }


async def test_only_what_is_logged_has_a_prediction_id(settings: Make) -> None:
    async with open_client(settings()) as client:
        answers = [
            await client.post("/predict", json=SETOSA, headers={"X-Prediction-Log": "off"}),
            await client.post("/predict", json={}),
            await client.post("/predict", json=dict.fromkeys(SETOSA, 3e38)),
            await client.post("/explain", json=SETOSA),
            await client.get("/model"),
        ]
    assert not [answer for answer in answers if "X-Prediction-ID" in answer.headers]
    async with open_client(Settings()) as client:
        answer = await client.post("/predict", json=SETOSA)
    assert "X-Prediction-ID" not in answer.headers


async def test_every_endpoint_that_predicts_names_its_prediction(
    settings: Make, address: str
) -> None:
    tensor = {"name": "input", "datatype": "FP32", "shape": [2, 4], "data": [5, 3, 1, 0] * 2}
    sent = {
        "/predict": SETOSA,
        "/predict?calibrated=true": SETOSA,
        "/models/iris-model/predict": {"instances": [SETOSA] * 70},
        "/v2/models/iris-model/infer": {"id": "theirs", "inputs": [tensor]},
        "/v2/models/iris-model/versions/1/infer": {"inputs": [tensor]},
    }
    async with open_client(settings()) as client:
        answers = [await client.post(path, json=body) for path, body in sent.items()]
        found = [answer.headers["X-Prediction-ID"] for answer in answers]
        for prediction_id in found:
            body = {"prediction_id": f"{prediction_id}:0", "class": "setosa"}
            assert (await client.post("/feedback", json=body)).status_code == 200
    rows = [str(row[0]) for row in query(address, "SELECT id FROM predictions")]
    assert sorted(row.partition(":")[0] for row in rows) == sorted(
        [*found[:2], *found[2:3] * 70, *found[3:4] * 2, *found[4:] * 2]
    )


async def test_old_predictions_are_deleted(settings: Make, address: str) -> None:
    async with open_client(settings()) as client:
        await predict(client, "old")
        await predict(client, "new")
    day = 86_400
    then = time.time() - 2 * day
    query(address, f"UPDATE predictions SET time = {then} WHERE request_id = 'old'")
    fast = settings(prediction_log_retention_days=1, prediction_log_flush_seconds=0.01)
    async with open_client(fast) as client:
        await until(lambda: "old:0" not in names(address))
        assert (await client.get("/monitoring")).json()["predictions"] == 1
    assert names(address) == ["new:0"]


async def test_what_is_only_tried_out_is_answered_and_not_logged(
    settings: Make, address: str
) -> None:
    rows = np.tile(np.array([list(SETOSA.values())], np.float32), (100, 1))
    npy = io.BytesIO()
    np.save(npy, rows)
    off = {"X-Prediction-Log": "off"}
    async with open_client(settings()) as client:
        for path in ("/predict", "/models/iris-model/predict"):
            answer = await client.post(path, json=SETOSA, headers=off)
            assert answer.json()["class"] == "setosa"
        answer = await client.post(
            "/predict", content=npy.getvalue(), headers=off | {"Content-Type": "application/x-npy"}
        )
        assert np.load(io.BytesIO(answer.content)).shape == (100, 3)
        await predict(client, "used")
    assert names(address) == ["used:0"]
