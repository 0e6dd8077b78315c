"""Admin verbs with `--workers 2`: after the answer both workers serve the same, killed or not."""

import fcntl
import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from app.settings.rollout_target import Target
from stateserve.model.predictor import Predictor
from tests import rest
from tests.checkpoints import save_model
from tests.process import Process, running_server, wait_until
from tests.sockets import ask
from tests.workers import metric, metrics_directory, workers_of

TOKEN = "a-token-that-no-one-guesses"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ROW = {"x0": 0.1, "x1": 0.2, "x2": 0.3, "x3": 0.4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for version in (1, 2, 3):
        save_model(folder / f"wine/{version}/model.pth", seed=version)
    return folder


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Process]:
    options = ("--models", str(folder), "--model", "wine", "--version-policy", "latest:2")
    # Without hot_reload only the verb makes a worker load.
    options += ("--hot-reload", "false", "--canary", "wine:1=0.5")
    arguments = ("--workers", "2", "--admin-token", TOKEN, *options)
    with running_server(folder / "log", *arguments) as running:
        # The address is announced before the workers are forked.
        wait_until(lambda: len(workers_of(running)) == 2)
        yield running
        assert running.stop() == 0, running.log.read_text()


def verb(service: Process, verb: str, version: str | None = None) -> httpx.Response:
    query = {"version": version} if version else {}
    url = f"{service.url}/models/wine/{verb}"
    return rest.post(url, params=query, headers=BEARER, timeout=60)


def listings(service: Process) -> set[str]:
    """Listings of the model, on new connections, until both workers have answered."""
    workers, found = set(), set()

    def ask() -> bool:
        worker, text = listing(service)
        workers.add(worker)
        found.add(text)
        return len(workers) == 2

    wait_until(ask)
    return found


def listing(service: Process) -> tuple[int, str]:
    worker, answer = ask("GET", f"{service.url}/models/wine", workers_of(service))
    return worker, answer.text


def test_after_the_answer_every_worker_serves_the_same(service: Process) -> None:
    for default in ("2", "3", "2"):
        answer = verb(service, "default", default)
        assert answer.json()["default_version"] == default
        assert listings(service) == {answer.text}
        assert metric(service, "model_default_version") == float(default)
    answer = verb(service, "unload", "3")
    assert listings(service) == {answer.text}
    assert '{"version":"3","state":"UNAVAILABLE","reason":"unloaded"}' in answer.text


def test_a_new_state_is_loaded_by_every_worker(service: Process, folder: Path) -> None:
    path = save_model(folder / "wine/2/model.pth", seed=20)
    assert verb(service, "load", "2").is_success
    url = f"{service.url}/models/wine/versions/2/model"
    found = {}
    for _ in range(64):
        worker, answer = ask("GET", url, workers_of(service))
        found[worker] = answer.json()["state_sha256"]
    assert len(found) == 2
    assert set(found.values()) == {Predictor.load(path).state_sha256}


def test_a_replaced_worker_serves_what_the_others_do(service: Process) -> None:
    assert verb(service, "load", "3").is_success
    answer = verb(service, "default", "2")
    for killed in workers_of(service):
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda killed=killed: len(set(workers_of(service)) - {killed}) == 2)
        assert listings(service) == {answer.text}
        assert metric(service, "model_default_version") == 2


def test_a_worker_that_dies_during_verbs_leaves_all_in_step(service: Process) -> None:
    with ThreadPoolExecutor(4) as pool:
        verbs = [pool.submit(_verb_or_lost, service, "23"[number % 2]) for number in range(20)]
        os.kill(workers_of(service)[0], signal.SIGKILL)
        outcomes = [each.result() for each in verbs]
    # The requests in that worker are lost: one for each connection.
    assert outcomes.count(0) <= 4
    assert set(outcomes) <= {0, 200}
    assert len(listings(service)) == 1


def _verb_or_lost(service: Process, version: str) -> int:
    try:
        return verb(service, "default", version).status_code
    except httpx.TransportError:
        return 0


def test_an_id_has_its_version_in_every_worker_and_the_counts_add_up(service: Process) -> None:
    default = verb(service, "default", "2").json()["default_version"]
    canary = Target.parse("canary", "wine:1=0.5")
    before = metric(service, "rollout_requests_total")
    ids = [f"user-{number}" for number in range(8)]
    for name in ids * 8:
        answer = rest.post(f"{service.url}/predict", json=ROW, headers={"X-Request-ID": name})
        expected = "1" if canary.takes(name.encode()) else default
        assert answer.json()["model"]["version"] == expected
    assert metric(service, "rollout_requests_total") == before + 64
    view = rest.get(f"{service.url}/models/wine/comparison").json()
    shares = {each["version"]: each["requests"] for each in view["canary"]["answers"]}
    assert shares["1"] == 8 * sum(canary.takes(name.encode()) for name in ids)


def loads_of(service: Process) -> int:
    return service.log.read_text().count('"message": "loaded version 2 of wine')


def test_workers_load_in_turns(service: Process, folder: Path) -> None:
    before = loads_of(service)
    save_model(folder / "wine/2/model.pth", seed=21)
    path = metrics_directory(service.process.pid) / "loading.lock"
    with path.open("rb") as lock, ThreadPoolExecutor(1) as pool:
        # The lock is held as by a worker that loads.
        fcntl.flock(lock, fcntl.LOCK_EX)
        loading = pool.submit(verb, service, "load", "2")
        waiting = re.compile(rf"-> FLOCK .*:{path.stat().st_ino} ")
        wait_until(lambda: waiting.search(Path("/proc/locks").read_text()))
        # The other workers still answer.
        assert len(listings(service)) == 1
        assert loads_of(service) == before
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert loading.result().is_success
    wait_until(lambda: loads_of(service) == before + 2)
