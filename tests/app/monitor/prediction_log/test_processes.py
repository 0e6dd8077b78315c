"""The log of real processes: several writers, and a killed process."""

import os
import signal
from pathlib import Path

from tests import rest
from tests.app.monitor.prediction_log.conftest import query
from tests.process import Process, running_server, wait_until
from tests.project import SETOSA
from tests.workers import workers_of


def ids(address: str) -> list[str]:
    return [str(row[0]) for row in query(address, "SELECT id FROM predictions ORDER BY time")]


def predict(service: Process) -> str:
    """One prediction on a new connection; returns its id."""
    answer = rest.post(f"{service.url}/predict", json=SETOSA, timeout=30)
    return f"{answer.headers['X-Prediction-ID']}:0"


def send_feedback(service: Process, prediction_id: str) -> int:
    body = {"prediction_id": prediction_id, "class": "setosa"}
    return rest.post(f"{service.url}/feedback", json=body, timeout=30).status_code


def test_workers_write_what_all_predicted(address: str, tmp_path: Path) -> None:
    options = ["--workers", "2", "--prediction-log", address.split("?timeout")[0]]
    with running_server(tmp_path / "log", *options) as service:
        wait_until(lambda: service.log.read_text().count("Application startup complete") == 2)
        made = [predict(service) for _ in range(60)]
        # Any worker may answer; the other may still have to write the row.
        for each in made[-2:]:
            wait_until(lambda each=each: send_feedback(service, each) == 200)
        assert send_feedback(service, "absent:0") == 404
        wait_until(lambda: len(ids(address)) == len(made))
        for victim in workers_of(service):
            os.kill(victim, signal.SIGKILL)
        made += [predict(service) for _ in range(20)]
        # Rows that wait for the next flush are written at the end.
        assert service.stop() == 0
        assert "ERROR" not in service.log.read_text()
    assert sorted(ids(address)) == sorted(made)


def test_a_kill_loses_no_more_than_one_flush(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/log.db"
    options = ["--prediction-log", address, "--prediction-log-flush-seconds", "0.2"]
    with running_server(tmp_path / "log", *options) as running, rest.client() as client:
        made: list[str] = []

        def predict_some() -> None:
            for _ in range(30):
                answer = client.post(f"{running.url}/predict", json=SETOSA)
                made.append(f"{answer.headers['X-Prediction-ID']}:0")

        predict_some()
        wait_until(lambda: rest.get(f"{running.url}/monitoring").json()["predictions"] == 30)
        predict_some()
        running.process.kill()
        running.process.wait()
    kept = ids(address)
    # In order and without gaps: only the last rows are missing.
    assert kept == made[: len(kept)]
    assert len(kept) >= 30
    with running_server(tmp_path / "log", *options) as running:
        counted = rest.get(f"{running.url}/monitoring").json()["predictions"]
    assert counted == len(kept)
