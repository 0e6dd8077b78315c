"""A key has one rate with `--workers 2`, over all workers and protocols."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from app.api.auth.keys import Scope, new_key
from tests import rest
from tests.keys import bearer
from tests.process import Process, running_server, wait_until
from tests.project import SETOSA
from tests.rpc import ask, infer, rpc_of
from tests.workers import workers_of

RATE = 60
NAMES = ["all", "killed", "reloaded"]


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("rates")
    made = {name: new_key(name, [Scope.PREDICT], f"{RATE}/day") for name in NAMES}
    (folder / "keys.toml").write_text("\n".join(entry for _, entry in made.values()))
    options = ("--workers", "2", "--grpc-port", "0", "--api-keys", str(folder / "keys.toml"))
    with running_server(folder / "log", *options) as running:
        yield running, {name: key for name, (key, _) in made.items()}
        assert running.stop() == 0, running.log.read_text()


def over_http(service: Process, key: str) -> str:
    answer = rest.post(f"{service.url}/predict", json=SETOSA, headers=bearer(key), timeout=60)
    assert answer.status_code in (200, 429)
    if answer.status_code == 429:
        assert answer.headers["ratelimit-policy"] == f'"key";q={RATE};w=86400'
    return f"http {answer.is_success}"


def over_v2(service: Process, key: str) -> str:
    url = f"{service.url}/v2/models/iris-model"
    answer = rest.get(url, headers=bearer(key), timeout=60)
    assert answer.status_code in (200, 429)
    return f"v2 {answer.is_success}"


def over_grpc(service: Process, key: str) -> str:
    # A new channel, so that the kernel chooses a worker.
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(rpc_of(service).address, options) as channel:
        status = ask(channel, infer(), metadata=[("authorization", f"Bearer {key}")])[0]
    assert status in (grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED)
    return f"grpc {status is grpc.StatusCode.OK}"


def ask_all(ways: list[Callable[[Process, str], str]], service: Process, key: str) -> Counter[str]:
    with ThreadPoolExecutor(8) as pool:
        return Counter(pool.map(lambda way: way(service, key), ways))


def test_all_workers_and_protocols_count_one_rate(keyed: tuple[Process, dict[str, str]]) -> None:
    service, keys = keyed
    ends = ask_all([over_http, over_v2, over_grpc] * RATE, service, keys["all"])
    answered = {end: count for end, count in ends.items() if end.endswith("True")}
    assert len(answered) == 3, ends
    assert sum(answered.values()) == RATE, ends


def test_a_worker_that_is_killed_gives_nothing_back(keyed: tuple[Process, dict[str, str]]) -> None:
    service, keys = keyed
    before = ask_all([over_http] * (RATE // 2), service, keys["killed"])
    assert before == {"http True": RATE // 2}
    for killed in workers_of(service):
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda killed=killed: len(set(workers_of(service)) - {killed}) == 2)
    after = ask_all([over_http] * RATE, service, keys["killed"])
    assert after == {"http True": RATE // 2, "http False": RATE // 2}


def test_keys_that_are_read_again_go_on_with_their_rates(
    keyed: tuple[Process, dict[str, str]],
) -> None:
    service, keys = keyed
    ask_all([over_http] * RATE, service, keys["reloaded"])
    service.process.send_signal(signal.SIGHUP)
    # The supervisor and both workers.
    wait_until(lambda: service.log.read_text().count("the API keys are reloaded") == 3)
    assert ask_all([over_http] * 8, service, keys["reloaded"]) == {"http False": 8}
