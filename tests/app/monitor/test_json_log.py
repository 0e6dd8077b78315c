"""The log of a real server: whole JSON lines, also if the reader has stopped or left."""

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import pytest

from tests import rest
from tests.forked import Forked
from tests.process import Process, forked, start_forked, wait_until
from tests.project import ROOT, SETOSA
from tests.wire import Wire, connected, get, require_alive

SERVE = ("app", "serve", "--port", "0", "--log-level", "debug")
# The limit is soon reached; lines of several workers stay whole up to PIPE_BUF, 4096 bytes.
LONG = get(b"/" + b"x" * 3500)


@contextmanager
def served(*options: str) -> Iterator[tuple[Forked, BinaryIO, str]]:
    """A server, and its log: a pipe that is not read after the line with the address."""
    reading, writing = os.pipe()
    process = start_forked(*SERVE, *options, stderr=writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as log:
        try:
            while not (match := re.search(rb"running on (http://[\d.]+:\d+)", line_of(log))):
                pass
            yield process, log, match[1].decode()
        finally:
            process.kill()


def line_of(log: BinaryIO) -> bytes:
    line = log.readline()
    assert line, "it ended"
    return line


def ports_of(pid: int) -> set[int]:
    """The ports that a process listens on, for a process without a log."""
    sockets = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            sockets |= set(re.findall(r"socket:\[(\d+)\]", str(descriptor.readlink())))
    table = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = [row for row in table if row[3] == "0A" and row[9] in sockets]
    return {int(row[1].rpartition(":")[2], 16) for row in listening}


def log_long_lines(wire: Wire) -> None:
    """Have 200 of them logged, which is more than a pipe holds."""
    wire.send(LONG * 200)
    assert [reply and reply.status for reply in (wire.reply() for _ in range(200))] == [404] * 200


def dropped(url: str) -> float:
    text = rest.get(f"{url}/metrics", timeout=60).text
    return sum(map(float, re.findall(r"^log_lines_dropped_total(?:\{.*\})? (\S+)", text, re.M)))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_reader_that_stands_still_holds_nobody_up(workers: str) -> None:
    with served("--workers", workers) as (process, log, url):
        with connected(url) as wire:
            while not dropped(url):
                log_long_lines(wire)
            # Of the process that drops lines.
            require_alive(wire)
        assert rest.post(f"{url}/predict", json=SETOSA).json()["class"] == "setosa"
        lost = dropped(url)
        lines: list[bytes] = []
        reading = threading.Thread(target=lambda: lines.extend(log))
        reading.start()
        wait_until(lambda: any(b"log lines dropped" in line for line in list(lines)))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0
        reading.join(timeout=120)
    records = [json.loads(line) for line in lines]
    said = next(each["message"] for each in records if "lines dropped" in each["message"])
    assert int(said.rpartition(" ")[2]) >= lost
    assert records[-1]["message"].startswith("Finished server process")


def test_while_nobody_reads_it_ends_all_the_same() -> None:
    with served() as (process, _, url), connected(url) as wire:
        log_long_lines(wire)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0


def test_no_line_has_the_escapes_of_a_terminal(server: Process) -> None:
    text = server.log.read_text()
    assert "running on http" in text
    assert "color_message" not in text
    assert "\\u001b" not in text


def test_a_reader_that_is_gone_harms_nobody() -> None:
    with served("--workers", "2") as (process, log, url):
        log.close()
        for _ in range(20):
            assert rest.post(f"{url}/predict", json=SETOSA, timeout=60).is_success
        wait_until(lambda: dropped(url) > 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0


@pytest.mark.parametrize(
    ("closed", "workers"),
    [({2: "stderr"}, "1"), ({0: "stdin", 1: "stdout", 2: "stderr"}, "2")],
)
def test_with_its_streams_closed_the_log_goes_nowhere(closed: dict[int, str], workers: str) -> None:
    restricted = ("tests.restricted", "without_streams", *closed.values(), "--")
    process = start_forked(*restricted, *SERVE, "--workers", workers)
    try:
        # No log contains the port, so it is found by the sockets of the process.
        wait_until(lambda: len(ports_of(process.pid)) > 0)
        (port,) = ports_of(process.pid)
        url = f"http://127.0.0.1:{port}"
        for _ in range(20):
            assert rest.post(f"{url}/predict", json=SETOSA, timeout=60).is_success
        for descriptor in closed:
            assert Path(f"/proc/{process.pid}/fd/{descriptor}").readlink() == Path(os.devnull)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0
    finally:
        process.kill()


FAULTY = """
import sys, threading, warnings
import app.cli.commands as commands

def create_app(settings):
    warnings.warn("odd")
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    raise RuntimeError("two\\nlines")

import app.api
app.api.create_app = create_app
from app.cli import main
main()
"""


def test_what_nobody_caught_is_a_line_of_json() -> None:
    command = forked("-c", FAULTY, "serve", "--port", "0")
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert result.returncode == 1
    warning, of_a_thread, fatal = map(json.loads, result.stderr.splitlines())
    assert "odd" in warning["message"]
    assert warning["logger"] == "py.warnings"
    assert "ZeroDivisionError" in of_a_thread["exc_info"]
    assert "RuntimeError: two\nlines" in fatal["exc_info"]
