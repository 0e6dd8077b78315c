"""What the log keeps, through the real application, on both databases."""

import asyncio
import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from app.log.records import shortest
from app.settings import Settings
from tests.app.log.conftest import ids, metric, predict, query, until, written
from tests.conftest import SETOSA, open_client, running_server

Make = Callable[..., Settings]


async def test_what_was_answered_is_what_is_logged(settings: Make, address: str) -> None:
    before = time.time()
    async with open_client(settings()) as client:
        flower = SETOSA | {"petal_width": 0.30000001}
        answer = await client.post("/predict", json=flower, headers={"X-Request-ID": "one"})
    (row,) = query(address, "SELECT * FROM predictions")
    prediction_id, model, version, logged, inputs, probabilities, predicted, *feedback = row
    assert (prediction_id, model, version) == ("one:0", "iris-model", "1")
    assert before <= logged <= time.time()
    as_object = json.loads if isinstance(inputs, str) else dict
    # As people measure; and as it is, where it is no such number.
    assert as_object(inputs) == SETOSA | {"petal_width": 0.3}
    assert as_object(probabilities) == answer.json()["probabilities"]
    assert (predicted, feedback) == ("setosa", [None, None])


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
    assert sorted(ids(address)) == sorted(wanted)


async def test_each_of_a_batch_is_logged_with_its_own_values(
    settings: Make, address: str, tmp_path: Path
) -> None:
    # Of one, two or three instances; every fifth is not for the log.
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
    # By the short way (app/api/express.py).
    with running_server(tmp_path / "log", "--prediction-log", address) as server:
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
            await ask(client, "socket")
        assert server.stop() == 0
    logged = {}
    for row_id, inputs in query(address, "SELECT id, inputs FROM predictions"):
        values = json.loads(inputs) if isinstance(inputs, str) else dict(inputs)
        logged[row_id] = values["sepal_length"]
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
        await client.post("/predict", json=dict.fromkeys(SETOSA, 1e31))
        await predict(client, "good")
    assert ids(address) == ["good:0"]


async def test_predictions_are_written_while_the_service_runs(settings: Make, address: str) -> None:
    async with open_client(settings(prediction_log_flush_seconds=0.05)) as client:
        await predict(client, "a")
        await written(client, 1)
        assert ids(address) == ["a:0"]


async def test_a_repeated_request_id_changes_nothing(settings: Make, address: str) -> None:
    other = dict(zip(SETOSA, (6.3, 3.3, 6.0, 2.5), strict=True))
    async with open_client(settings()) as client:
        await predict(client, "twice")
        await predict(client, "twice", {"instances": [other, other]})
        # Asking for what is not there makes it write.
        absent = {"prediction_id": "absent:0", "class": "setosa"}
        assert (await client.post("/feedback", json=absent)).status_code == 404
        assert await metric(client, 'prediction_log_dropped_total{reason="duplicate_id"}') == 1
    found = query(address, "SELECT id, class FROM predictions ORDER BY id")
    assert found == [("twice:0", "setosa"), ("twice:1", "virginica")]


async def test_old_predictions_are_deleted(settings: Make, address: str) -> None:
    async with open_client(settings()) as client:
        await predict(client, "old")
        await predict(client, "new")
    day = 86_400
    query(address, f"UPDATE predictions SET time = {time.time() - 2 * day} WHERE id = 'old:0'")
    fast = settings(prediction_log_retention_days=1, prediction_log_flush_seconds=0.01)
    async with open_client(fast) as client:
        await until(lambda: "old:0" not in ids(address))
        assert (await client.get("/monitoring")).json()["predictions"] == 1
    assert ids(address) == ["new:0"]


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
    assert ids(address) == ["used:0"]
