"""Many connections, few file descriptors, repeated rounds: no resource runs out."""

import contextlib
import resource
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.processes import Process as Memory
from tests.hostile import BODIES, FLOODS, FRAMING
from tests.hostile import HEADS as ANSWERED
from tests.process import HANG_SECONDS, Process, running_server
from tests.wire import FLOWER, LIVE, Wire, connected, post, require_alive

MIB = 2**20
HOSTILE = [case[0] for cases in (BODIES, FRAMING, ANSWERED) for case in cases.values()]
HOSTILE += FLOODS.values()
# Python's own, the session's server, and what pytest has open.
SPARE_FILES = 500


@contextlib.contextmanager
def file_limit(soft: int) -> Iterator[None]:
    """The soft limit of this process, and of processes that it starts meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@contextlib.contextmanager
def many_connections(url: str, count: int) -> Iterator[list[Wire]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(connected(url)) for _ in range(count)]


def hostile_round(url: str) -> None:
    for request in HOSTILE:
        with connected(url) as wire:
            wire.send(request)
            assert wire.reply(request.split(b" ")[0].decode("latin-1")) is not None


def test_memory_returns_after_hostile_requests(server: Process) -> None:
    memory = Memory.read(server.process.pid)
    for _ in range(3):
        hostile_round(server.url)
    before = memory.anonymous_bytes()
    for _ in range(10):
        hostile_round(server.url)
    assert memory.anonymous_bytes() - before < 24 * MIB


def test_ten_thousand_idle_connections_are_held(tmp_path: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = 10_000 if hard == resource.RLIM_INFINITY else min(10_000, hard - SPARE_FILES)
    # The server starts with the usual soft limit, and must raise it itself.
    options = ("--keep-alive-seconds", "3600")
    with running_server(tmp_path / "log", *options, restriction=("few_files", "1024")) as running:
        memory = Memory.read(running.process.pid)
        before = memory.anonymous_bytes()
        with file_limit(hard), many_connections(running.url, count) as wires:
            # Predictions take half the time of /health/live; more of them at once are refused.
            for start in range(0, count, 1000):
                asking = wires[start : start + 1000]
                for wire in asking:
                    wire.send(post(FLOWER))
                # Without the parser of headers, which takes a third of this test.
                for wire in asking:
                    assert wire.socket.recv(4096).startswith(b"HTTP/1.1 200")
            for wire in wires[:: count // 100]:
                require_alive(wire)
            assert (memory.anonymous_bytes() - before) / count < 32 * 1024
        assert running.stop() == 0
    assert '"level": "ERROR"' not in running.log.read_text()


def test_without_file_descriptors_the_server_goes_on_when_some_are_free(tmp_path: Path) -> None:
    with running_server(tmp_path / "log") as running:
        resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, (64, 64))
        with many_connections(running.url, 200) as wires:
            for wire in wires:
                wire.socket.settimeout(0.01)
                wire.send(LIVE)
            # The connection is accepted; the time of its answer depends on the machine.
            wires[0].socket.settimeout(HANG_SECONDS)
            assert answered(wires[0])
            assert not all(map(answered, wires[1:]))
        deadline = time.monotonic() + HANG_SECONDS
        while True:
            with connected(running.url, timeout=1) as wire:
                wire.send(LIVE)
                if answered(wire):
                    break
            assert time.monotonic() < deadline, running.log.read_text()
        assert running.stop() == 0


def answered(wire: Wire) -> bool:
    try:
        return wire.reply() is not None
    except TimeoutError:
        return False
