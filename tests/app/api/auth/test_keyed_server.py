"""A real server that requires keys: its log, the client and the commands."""

import logging
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.api.auth.keys import Scope
from stateserve.client.async_client import AsyncClient
from stateserve.client.client import Client
from stateserve.errors import ClientError, Problem
from tests import rest
from tests.keys import bearer, write_keys
from tests.process import Process, forked, running_server
from tests.project import ROOT, SETOSA

TOKEN = "a-token-that-is-long"
Keyed = tuple[Process, dict[str, str]]


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    folder = tmp_path_factory.mktemp("keyed")
    keys: dict[str, str] = {**write_keys(folder / "keys.toml")}
    options = ["--api-keys", str(folder / "keys.toml"), "--admin-token", TOKEN]
    with running_server(folder / "log", *options, "--log-level", "debug") as running:
        yield running, keys
        assert running.stop() == 0, running.log.read_text()


@pytest.fixture
def run(keyed: Keyed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Run `app ARGUMENTS` with a key in the environment; returns the status and all output."""

    def run(key: str | None, *arguments: str) -> tuple[int, str]:
        if key is not None:
            monkeypatch.setenv("STATESERVE_KEY", key)
        command = forked("app", *arguments)
        result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        return result.returncode, result.stdout + result.stderr

    return run


def test_no_line_of_the_log_has_a_key(keyed: Keyed) -> None:
    server, keys = keyed
    secrets = [*keys.values(), TOKEN, "ssk_wrong"]
    with rest.client(server.url) as client:
        for key in secrets:
            for headers in (
                bearer(key),
                {"Authorization": key},
                {"Authorization": f"Basic {key}"},
                {"X-API-Key": key},
                {"Cookie": f"key={key}"},
                {"Proxy-Authorization": f"Bearer {key}"},
                bearer(key) | {"X-Request-ID": f"Bearer {key}"},
                bearer(key) | {"X-Padding": "x" * 40_000},
                bearer(key) | {"Host": f"{key}:no port"},
                bearer(key) | {"Accept": key, "Content-Type": key, "X-Request-Timeout": key},
            ):
                client.post("/predict", json=SETOSA, headers=headers)
                client.post(f"/predict?key={key}", headers=headers)
                client.get("/state", headers=headers)
                client.post("/models/iris-model/load", headers=headers)
        last = client.get("/health/live", headers={"X-Request-ID": "the-last"})
    assert last.status_code == 200
    deadline = time.monotonic() + 10
    # Lines are written a moment after their answers.
    while "the-last" not in (log := server.log.read_text()):
        assert time.monotonic() < deadline, log
        time.sleep(0.01)
    assert '"key": "admin-key"' in log
    assert not [line for line in log.splitlines() if any(secret in line for secret in secrets)]


def test_the_client_sends_its_key(keyed: Keyed) -> None:
    server, keys = keyed
    with Client(server.url, key=keys[Scope.PREDICT]) as client:
        assert client.predict(SETOSA).label == "setosa"
        assert client.card().classes[0] == "setosa"
        with pytest.raises(Problem, match="the key 'predict-key' does not have the scope inspect"):
            client.state()
    with Client(server.url, key=keys[Scope.INSPECT]) as client:
        assert "hidden.bias" in client.arrays()
    with Client(server.url) as client:
        assert client.ready()
        with pytest.raises(Problem, match="Authorization: Bearer KEY") as caught:
            client.predict(SETOSA)
    assert caught.value.status == 401


async def test_the_client_to_await_sends_it_too(keyed: Keyed) -> None:
    server, keys = keyed
    async with AsyncClient(server.url, key=keys[Scope.PREDICT]) as client:
        assert (await client.predict(SETOSA)).label == "setosa"


@pytest.mark.parametrize("key", ["", "two words", "ssk_\n", "ssk_é"])
def test_what_cannot_be_a_key_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ClientError, match=r"^the key has a character that no key has$"):
        Client("http://test", key=key)


def test_a_key_that_a_client_holds_is_in_none_of_its_texts(
    keyed: Keyed, caplog: pytest.LogCaptureFixture
) -> None:
    server, keys = keyed
    with caplog.at_level(logging.DEBUG), Client(server.url, key=keys[Scope.PREDICT]) as client:
        client.predict(SETOSA)
        with pytest.raises(Problem) as caught:
            client.state()
        texts = [repr(client), repr(vars(client)), repr(caught.value), caplog.text]
    assert not [text for text in texts if keys[Scope.PREDICT] in text]


def test_the_commands_send_the_key_of_the_environment(keyed: Keyed, run) -> None:
    server, keys = keyed
    flower = [f"--{name.replace('_', '-')}={value}" for name, value in SETOSA.items()]
    predict = ["predict", *flower, "--url", server.url]
    status, printed = run(keys[Scope.PREDICT], *predict)
    assert (status, "setosa" in printed) == (0, True)
    status, printed = run(keys[Scope.PREDICT], "state", server.url)
    assert (status, printed.count("\n")) == (1, 1)
    assert "403: the key 'predict-key' does not have the scope inspect" in printed
    assert "; another key, in the variable STATESERVE_KEY, may have this scope" in printed
    status, printed = run("ssk_wrong", *predict)
    assert status == 1
    assert "401" in printed
    assert printed.endswith("; the variable STATESERVE_KEY has the key that is sent\n")
    status, printed = run(keys[Scope.INSPECT], "state", server.url)
    assert (status, "hidden.weight" in printed) == (0, True)
