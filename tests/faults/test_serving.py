"""A real server under load while its environment fails; no code is patched."""

import contextlib
import io
import itertools
import json
import re
import resource
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests import rest
from tests.checkpoints import save_model
from tests.faults.load import under_load
from tests.process import Process, running_server, wait_until
from tests.project import IRIS, SETOSA
from tests.wire import FLOWER, LIVE, connected, post, require_alive

TOKEN = "a token of the tests"
MIB = 2**20
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The models folder of the servers of this test, with iris in it."""
    folder = tmp_path / "models"
    monkeypatch.setenv("STATESERVE_ADMIN_TOKEN", TOKEN)
    monkeypatch.setenv("STATESERVE_MODELS", str(folder))
    folder.mkdir()
    for suffix in (".pth", ".json"):
        shutil.copy(IRIS.with_suffix(suffix), folder)
    return folder


def load_again(server: Process) -> httpx.Response:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return rest.post(f"{server.url}/models/{IRIS.stem}/load", headers=headers, timeout=30)


def require_well(server: Process, models: Path) -> None:
    """The server answers, loads on request, finds new files, and ends with status 0."""
    assert rest.post(f"{server.url}/predict", json=SETOSA).is_success
    assert load_again(server).is_success
    save_model(models / "other.pth")
    wait_until(lambda: rest.get(f"{server.url}/models/other/model").is_success)
    assert server.stop() == 0
    assert "Exiting" not in server.log.read_text(), "uvicorn's word for a shutdown that failed"


Change = Callable[[Path], object]
BROKEN: dict[str, tuple[Change, Change, str]] = {
    "removed": (
        lambda models: models.rename(models.with_name("gone")),
        lambda models: models.with_name("gone").rename(models),
        "models: No such file or directory",
    ),
    "unreadable": (
        lambda models: models.chmod(0),
        lambda models: models.chmod(0o755),
        "models: Permission denied",
    ),
    "with an unreadable file": (
        lambda models: (models / IRIS.name).chmod(0),
        lambda models: (models / IRIS.name).chmod(0o644),
        f"{IRIS.name}: Permission denied",
    ),
}


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN)
def test_models_that_cannot_be_read_are_served_on(
    tmp_path: Path, models: Path, case: tuple[Change, Change, str]
) -> None:
    break_it, mend, reason = case
    with running_server(tmp_path / "log", restriction=("without_rights",)) as server:
        with under_load(server.url) as load:
            break_it(models)
            try:
                refused = load_again(server)
                load.wait_for_more()
            finally:
                mend(models)
        assert refused.status_code == 409
        assert reason in refused.json()["detail"]
        assert set(load.ends) == {200}
        require_well(server, models)


def limit_memory(server: Process, spare: int) -> None:
    """The process's mapped memory and `spare` bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    mapped = re.search(r"VmSize:\s+(\d+) kB", status)
    assert mapped
    limit = int(mapped[1]) * 1024 + spare, resource.RLIM_INFINITY
    resource.prlimit(server.process.pid, resource.RLIMIT_AS, limit)


def test_requests_that_memory_does_not_suffice_for_fail_alone(tmp_path: Path, models: Path) -> None:
    large = io.BytesIO()
    # More than fits into what malloc has reserved for threads.
    np.save(large, np.zeros((1_000_000, 4), np.float64))
    ends: Counter[int | str] = Counter()
    with (
        running_server(tmp_path / "log", "--max-body-bytes", str(64 * MIB)) as server,
        rest.client(server.url) as client,
    ):

        def ask() -> int | str:
            try:
                headers = {"Content-Type": "application/x-npy"}
                body = large.getvalue()
                return client.post("/predict", content=body, headers=headers).status_code
            except httpx.TransportError:
                # A client refused within its body may continue to send and never read the answer.
                return "closed"

        client.timeout = httpx.Timeout(30)
        # Memory ends in the body, in the forward pass, or in the answer. With nothing at all to
        # spare no Python goes on; the kernel would have ended it by then.
        for spare in range(4 * MIB, 68 * MIB, 4 * MIB):
            limit_memory(server, spare)
            ends[ask()] += 1
            assert client.post("/predict", json=SETOSA).status_code == 200
        resource.prlimit(server.process.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
        assert ask() == 200
        # 503 where there is no memory for a thread.
        assert ends[500] + ends[503] >= 1, ends
        assert set(ends) <= {200, 500, 503, "closed"}
        require_well(server, models)


def test_a_process_that_stood_still_answers_all_that_came_meanwhile(
    tmp_path: Path, models: Path
) -> None:
    """As with a blocked event loop: no reads, writes or timers."""
    options = "--body-timeout-seconds", "1", "--header-timeout-seconds", "1"
    with running_server(tmp_path / "log", *options) as server:
        with under_load(server.url) as load, connected(server.url) as wire:
            # A request whose rest arrives in time, but is read after the deadline.
            wire.send(post(FLOWER)[:-5])
            time.sleep(0.2)
            server.process.send_signal(signal.SIGSTOP)
            try:
                wire.send(post(FLOWER)[-5:])
                with connected(server.url) as new:
                    new.send(LIVE)
                    time.sleep(2)
                    server.process.send_signal(signal.SIGCONT)
                    reply = new.reply()
                    assert reply is not None
                    assert reply.status == 200
            finally:
                server.process.send_signal(signal.SIGCONT)
            reply = wire.reply()
            assert reply is not None
            assert reply.status == 200
        assert set(load.ends) == {200}
        require_well(server, models)


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed")
def test_a_clock_that_steps_moves_no_deadline(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+0")
    monkeypatch.setenv("LD_PRELOAD", str(FAKETIME))
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(clock))
    monkeypatch.setenv("FAKETIME_NO_CACHE", "1")
    # A step changes only the system time.
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    options, python = ("--header-timeout-seconds", "1"), (sys.executable,)
    with running_server(tmp_path / "log", *options, python=python) as server:
        with under_load(server.url) as load, connected(server.url) as idle:
            require_alive(idle)
            for step in ("-1h", "+0"):
                # A client whose headers never end gets an answer; a new client does not.
                with connected(server.url, timeout=60) as slow, connected(server.url) as new:
                    slow.send(LIVE[:-2])
                    clock.write_text(step)
                    new.send(LIVE[:-2])
                    new.send(LIVE[-2:])
                    answers = new.reply(), slow.reply()
                    assert [answer and answer.status for answer in answers] == [200, 408]
                load.wait_for_more()
            require_alive(idle)
        assert set(load.ends) == {200}
        require_well(server, models)
    hours = {json.loads(line)["time"][:13] for line in server.log.read_text().splitlines()}
    assert len(hours) >= 2, "the log has the step"


def test_without_file_descriptors_those_who_are_in_are_served(tmp_path: Path, models: Path) -> None:
    with running_server(tmp_path / "log") as server:
        pid = server.process.pid
        with under_load(server.url) as load, rest.client(server.url) as inside:
            assert inside.get("/health/live").is_success
            before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            used = {int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir()}
            # The kernel would give the first free number to the next file.
            free = next(number for number in itertools.count() if number not in used)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, before[1]))
            headers = {"Authorization": f"Bearer {TOKEN}"}
            refused = inside.post(f"/models/{IRIS.stem}/load", headers=headers)
            with connected(server.url, timeout=0.5) as outside:
                outside.send(LIVE)
                # The connection waits, or is closed at once.
                with contextlib.suppress(TimeoutError):
                    assert outside.reply() is None
            load.wait_for_more()
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        assert refused.status_code == 409
        assert "Too many open files" in refused.json()["detail"]
        assert set(load.ends) == {200}
        require_well(server, models)
