"""Workers with a small or full /dev/shm: an error in one line, or uninterrupted service."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.monitor.metric_files import INITIAL_BYTES, AllocatedDict
from tests import rest
from tests.checkpoints import save_model
from tests.process import Process, forked, running_server, wait_until
from tests.project import ROOT, SETOSA
from tests.restricted import skip_without
from tests.workers import metric, workers_of

TOKEN = "a-token-that-no-one-guesses"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    skip_without("mount")
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def test_without_room_anywhere_one_line_says_what_is_needed(temporary: Path) -> None:
    small = ("tests.restricted", "small_disks", "/dev/shm=64k", f"{temporary}=64k")
    command = forked(*small, "--", "app", "serve", "--workers", "2")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    message = json.loads(line)["message"]
    no_room = "No space left on device"
    assert message.startswith(
        f"2 workers need 3 MiB of shared memory: /dev/shm: {no_room}; {temporary}: {no_room}. "
    )


def test_where_dev_shm_is_too_small_workers_share_temporary_files(
    tmp_path: Path, temporary: Path
) -> None:
    small = ("small_disks", "/dev/shm=64k")
    with running_server(tmp_path / "log", "--workers", "2", restriction=small) as service:
        for _ in range(16):
            assert rest.post(f"{service.url}/predict", json=SETOSA, timeout=30).is_success
        assert metric(service, "predictions_total{") == 16
        assert f"workers share files in {temporary}/" in service.log.read_text()
        assert service.stop() == 0
    assert list(temporary.iterdir()) == []


@contextmanager
def full(service: Process) -> Iterator[None]:
    """Another process uses all free space of /dev/shm."""
    filler = Path(f"/proc/{service.process.pid}/root/dev/shm/filler")
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    yield
    filler.unlink()


def load(service: Process, name: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return rest.post(f"{service.url}/models/{name}/load", headers=headers, timeout=60)


def test_where_dev_shm_becomes_full_predictions_go_on_and_verbs_say_why(tmp_path: Path) -> None:
    models, small = tmp_path / "models", ("small_disks", "/dev/shm=4m")
    save_model(models / "wine.pth")
    row = {f"x{index}": 0.5 for index in range(4)}
    arguments = ("--models", str(models), "--model", "wine", "--admin-token", TOKEN)
    options = (*arguments, "--workers", "2")
    with running_server(tmp_path / "log", *options, restriction=small) as service:
        wait_until(lambda: service.log.read_text().count("Application startup complete") == 2)
        workers = workers_of(service)
        with full(service):
            # So many names extend the metric files of both workers.
            for number in range(150):
                for suffix in (".pth", ".json"):
                    name = f"{'a' * 40}-{number}{suffix}"
                    shutil.copy(models / f"wine{suffix}", models / f".{name}")
                    (models / f".{name}").rename(models / name)
            wait_until(
                lambda: service.log.read_text().count("labels that are new are not counted") >= 2
            )
            for _ in range(16):
                assert rest.post(f"{service.url}/predict", json=row, timeout=30).is_success
            refused = load(service, "wine")
            assert refused.status_code == 503
            assert "No space left on device" in refused.json()["detail"]
            assert metric(service, "worker_processes") == 2
            assert metric(service, "predictions_total{") >= 16
            # A worker that dies now is replaced.
            os.kill(workers[0], signal.SIGKILL)
            wait_until(lambda: len(set(workers_of(service)) - {workers[0]}) == 2)
            assert rest.post(f"{service.url}/predict", json=row, timeout=30).is_success
        assert load(service, "wine").is_success
        assert metric(service, "worker_restarts_total") == 1
        assert service.stop() == 0
    assert "SIGBUS" not in service.log.read_text()


def test_a_file_of_counts_holds_what_was_written_however_long_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "counter_1.db"
    counts = AllocatedDict(str(path))
    written = {f"{'key' * 20}{number}": float(number) for number in range(3000)}
    for key, value in written.items():
        counts.write_value(key, value, 0.0)
    assert path.stat().st_blocks * 512 >= path.stat().st_size > INITIAL_BYTES
    counts.close()
    again = AllocatedDict(str(path))
    assert {key: value for key, value, _ in again.read_all_values()} == written
    again.close()
    found = AllocatedDict.read_all_values_from_file(str(path))
    assert {key: value for key, value, _, _ in found} == written
