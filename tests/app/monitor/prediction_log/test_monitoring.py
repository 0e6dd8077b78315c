"""GET /monitoring through the real application, on both databases."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest

from app.monitor.drift import measure_drift
from app.settings.settings import Settings
from stateserve.model.cards.tabular_card import read_card
from tests.app.monitor.prediction_log.conftest import predict, query
from tests.checkpoints import save_model
from tests.project import IRIS
from tests.service import open_client

Make = Callable[..., Settings]
CARD = read_card(IRIS.with_suffix(".json"))
NAMES = [feature.name for feature in CARD.features]
ROWS, LABELS = CARD.training_rows.rows, CARD.training_rows.labels


def flowers(rows: list[list[float]]) -> dict[str, object]:
    return {"instances": [dict(zip(NAMES, row, strict=True)) for row in rows]}


async def flush(client: httpx.AsyncClient) -> None:
    """Feedback on an unknown prediction makes the log write all waiting rows first."""
    absent = {"prediction_id": "absent:0", "class": "setosa"}
    assert (await client.post("/feedback", json=absent)).status_code == 404


async def monitoring(client: httpx.AsyncClient, path: str = "/monitoring") -> dict[str, object]:
    await flush(client)
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_before_any_prediction_there_is_nothing_to_compare(settings: Make) -> None:
    async with open_client(settings()) as client:
        found = await monitoring(client)
    assert found["predictions"] == 0
    assert [each["share"] for each in found["classes"]] == [None] * 3
    assert found["feedback"] == {"count": 0, "accuracy": None, "confusion": [[0] * 3] * 3}
    assert found["drift"]["rows"] == 0
    for feature, histogram in zip(found["drift"]["features"], CARD.histograms, strict=True):
        measures = ("psi", "ks", "p_value", "level", "window", "below", "above")
        assert [feature[name] for name in measures] == [None] * 7
        assert feature["edges"] == histogram.edges
        assert sum(feature["training"]) == pytest.approx(1)


async def test_classes_are_counted_and_feedback_is_a_confusion_matrix(settings: Make) -> None:
    async with open_client(settings()) as client:
        answer = await client.post(
            "/predict", json=flowers(ROWS), headers={"X-Request-ID": "training"}
        )
        prediction_id = answer.headers["X-Prediction-ID"]
        predicted = [each["index"] for each in answer.json()["predictions"]]
        for index in range(0, len(ROWS), 4):
            true_class = CARD.classes[LABELS[index]]
            body = {"prediction_id": f"{prediction_id}:{index}", "class": true_class}
            assert (await client.post("/feedback", json=body)).status_code == 200
        found = await monitoring(client)
    counts = np.bincount(predicted, minlength=3)
    assert found["predictions"] == len(ROWS)
    assert found["classes"] == [
        {"class": name, "count": count, "share": count / len(ROWS)}
        for name, count in zip(CARD.classes, counts.tolist(), strict=True)
    ]
    confusion = np.zeros((3, 3), int)
    np.add.at(confusion, (LABELS[::4], predicted[::4]), 1)
    assert found["feedback"] == {
        "count": len(ROWS[::4]),
        "accuracy": confusion.trace() / confusion.sum(),
        "confusion": confusion.tolist(),
    }


async def test_drift_is_that_of_the_inputs_which_were_sent(settings: Make) -> None:
    moved = [[values[0] + 1, *values[1:]] for values in ROWS]
    async with open_client(settings()) as client:
        await predict(client, "moved", flowers(moved))
        drift = (await monitoring(client))["drift"]
    assert drift["rows"] == len(ROWS)
    columns = np.array(moved, np.float32).T
    for feature, histogram, column in zip(drift["features"], CARD.histograms, columns, strict=True):
        wanted = vars(measure_drift(histogram, column))
        wanted["window"] = wanted.pop("shares")
        assert {name: feature[name] for name in wanted} == wanted
    assert [feature["level"] for feature in drift["features"]] == ["major", *["none"] * 3]


async def test_the_window_ends_now_and_begins_as_asked(settings: Make, address: str) -> None:
    async with open_client(settings()) as client:
        await predict(client, "old")
        await predict(client, "new")
        await flush(client)
        then = time.time() - 2 * 3600
        query(address, f"UPDATE predictions SET time = {then} WHERE request_id = 'old'")
        day = await monitoring(client)
        hour = await monitoring(client, "/monitoring?window_hours=1.5")
    assert (day["predictions"], hour["predictions"]) == (2, 1)
    assert (day["drift"]["rows"], hour["drift"]["rows"]) == (2, 1)
    start, end = (datetime.fromisoformat(hour["window"][name]) for name in ("start", "end"))
    assert end - start == timedelta(hours=1.5)
    assert abs(end.timestamp() - time.time()) < 60


STRANGE = ["nan", "inf", "1_0", "%201", "1%0a", "%2B1", ".5", "1.", "1e400", "\u0661", ""]


@pytest.mark.parametrize(
    "given", ["window_hours=0", "hours=1", *(f"window_hours={each}" for each in STRANGE)]
)
async def test_a_wrong_window_is_refused(tmp_path: Path, given: str) -> None:
    log = f"sqlite:///{tmp_path}/log.db"
    async with open_client(Settings(model=IRIS, prediction_log=log)) as client:
        answer = await client.get(f"/monitoring?{given}")
    assert answer.status_code == 422
    assert "hours" in answer.json()["detail"]


async def test_each_model_and_version_has_its_own(settings: Make, tmp_path: Path) -> None:
    for version in ("1", "2"):
        (tmp_path / "two" / version).mkdir(parents=True)
        save_model(tmp_path / "two" / version / "model.pth", seed=int(version))
    one = save_model(tmp_path / "one.pth")
    folder = {"models": tmp_path, "model": one, "version_policy": "all"}
    flower = dict.fromkeys(("x0", "x1", "x2", "x3"), 0.5)
    async with open_client(settings(**folder)) as client:
        for path in ("", "/models/two", "/models/two/versions/1", "/models/two/versions/1"):
            assert (await client.post(f"{path}/predict", json=flower)).status_code == 200
        counts = {
            path: (await monitoring(client, f"{path}/monitoring"))["predictions"]
            for path in ("", "/models/two", "/models/two/versions/1", "/models/two/versions/2")
        }
        absent = await client.get("/models/three/monitoring")
        card_without_histograms = await monitoring(client)
    assert list(counts.values()) == [1, 1, 2, 1]
    assert absent.status_code == 404
    assert card_without_histograms["drift"] is None
