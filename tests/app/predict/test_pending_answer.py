"""Only answered requests count, in the metrics and in the prediction log."""

import io
from pathlib import Path

import httpx
import numpy as np
import pytest

from app.settings.settings import Settings
from tests.app.monitor.prediction_log.conftest import names, predict, query
from tests.checkpoints import save_model
from tests.connections import serving, tick
from tests.project import IRIS, SETOSA
from tests.service import open_client
from tests.wire import FLOWER, post

NPY = {"Content-Type": "application/x-npy"}
COUNTS = ("predictions_total", "out_of_range_inputs_total")
# The last of two chunks overflows.
ROWS = np.tile(np.array([list(SETOSA.values())], np.float32), (17_000, 1))
ROWS[:, 3] = 9
ROWS[-1] = 3.4e38


def npy(rows: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, rows)
    return file.getvalue()


def counted(metrics: str) -> float:
    lines = [line for line in metrics.splitlines() if line.startswith(COUNTS)]
    return sum(float(line.split()[-1]) for line in lines if "_created" not in line)


async def counts(client: httpx.AsyncClient) -> float:
    return counted((await client.get("/metrics")).text)


@pytest.fixture
def logged(tmp_path: Path) -> Settings:
    return Settings(model=IRIS, prediction_log=f"sqlite:///{tmp_path}/log.db")


def tensor(rows: np.ndarray) -> dict[str, object]:
    data = rows.ravel().astype(float).tolist()
    return {"name": "input", "datatype": "FP32", "shape": list(rows.shape), "data": data}


TOO_LARGE = dict.fromkeys(SETOSA, 3.4e38)
REFUSED = {
    "a later chunk": ("/predict", {"content": npy(ROWS), "headers": NPY}),
    "a later chunk as Arrow": (
        "/predict",
        {"content": npy(ROWS), "headers": NPY | {"Accept": "application/vnd.apache.arrow.stream"}},
    ),
    "a later chunk as JSON": (
        "/predict",
        {"content": npy(ROWS), "headers": NPY | {"Accept": "application/json"}},
    ),
    "what cannot be encoded": (
        "/predict?out_of_distribution=true",
        {"json": SETOSA, "headers": {"Accept": "application/x-npy"}},
    ),
    "a row of several": ("/predict", {"json": {"instances": [SETOSA, TOO_LARGE]}}),
    "a tensor": ("/v2/models/iris-model/infer", {"json": {"inputs": [tensor(ROWS[-3:])]}}),
    "a large tensor": ("/v2/models/iris-model/infer", {"json": {"inputs": [tensor(ROWS)]}}),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_is_refused_counts_nowhere(logged: Settings, what: str) -> None:
    path, body = REFUSED[what]
    async with open_client(logged) as client:
        answer = await client.post(path, **body)
        assert 400 <= answer.status_code < 500
        assert "X-Prediction-ID" not in answer.headers
        assert await counts(client) == 0
        await predict(client, "good")
        assert await counts(client) == 1
    assert names(logged.prediction_log.get_secret_value()) == ["good:0"]


async def test_large_answers_count_each_of_their_rows(logged: Settings) -> None:
    async with open_client(logged) as client:
        answer = await client.post("/predict", content=npy(ROWS[:-1]), headers=NPY)
        assert answer.status_code == 200
        # Each row has one value beyond its range.
        assert await counts(client) == 2 * (len(ROWS) - 1)
    address = logged.prediction_log.get_secret_value()
    prediction_id = answer.headers["X-Prediction-ID"]
    found = {row[0] for row in query(address, "SELECT id FROM predictions")}
    assert found == {f"{prediction_id}:{number}" for number in range(len(ROWS) - 1)}


@pytest.mark.parametrize("header", [b"Accept: */*", b"X-Prediction-Log: off"])
async def test_who_has_left_before_the_answer_is_not_counted(header: bytes) -> None:
    # On the fast path, and in the application.
    async with serving() as service:
        stays, leaves, other = (service.connect() for _ in range(3))
        for protocol in (stays, leaves, other):
            protocol.data_received(post(FLOWER, header))
        leaves.connection_lost(None)
        for _ in range(20):
            await tick()
        assert stays.wire.statuses() == other.wire.statuses() == [200]
        assert counted(service.metrics()) == 2


async def test_what_two_states_said_under_one_version_is_told_apart(tmp_path: Path) -> None:
    path = save_model(tmp_path / "made.pth", seed=1)
    address = f"sqlite:///{tmp_path}/log.db"
    flower = dict.fromkeys(("x0", "x1", "x2", "x3"), 0.5)
    views = []
    for seed, right in ((1, True), (2, False), (1, True)):
        save_model(path, seed=seed)
        async with open_client(Settings(model=path, prediction_log=address)) as client:
            answer = await client.post("/predict", json=flower)
            predicted = answer.json()["class"]
            true = predicted if right else f"class-{(answer.json()['index'] + 1) % 3}"
            body = {"prediction_id": f"{answer.headers['X-Prediction-ID']}:0", "class": true}
            judged = (await client.post("/feedback", json=body)).json()["predictions"][0]
            views.append((await client.get("/monitoring")).json())
            assert judged["state_sha256"] == views[-1]["model"]["state_sha256"]
    first, second, again = views
    states = [view["model"]["state_sha256"] for view in views]
    assert states[0] == states[2] != states[1]
    assert [view["predictions"] for view in views] == [1, 1, 2]
    assert [view["feedback"]["accuracy"] for view in views] == [1, 0, 1]
    assert first["other_states"] == []
    assert second["other_states"] == [
        {"state_sha256": states[0], "predictions": 1, "with_feedback": 1, "accuracy": 1}
    ]
    assert again["other_states"] == [
        {"state_sha256": states[1], "predictions": 1, "with_feedback": 1, "accuracy": 0}
    ]
    assert sum(map(sum, again["feedback"]["confusion"])) == 2
