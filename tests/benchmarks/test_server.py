"""Servers under test: real processes, started, measured and stopped whole."""

import mmap
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import httpx
import pytest

from benchmarks.processes import Process, parse_rollup
from benchmarks.server import ServerFailed, running_server

# proc(5): what the kernel printed for an idle shell.
ROLLUP = """\
557b829bb000-7ffe9c176000 ---p 00000000 00:00 0                          [rollup]
Rss:                1732 kB
Pss:                 274 kB
Pss_Dirty:           112 kB
Pss_Anon:            112 kB
"""

# A server whose worker leaves the session, as Ray's: signals to the group do not reach it.
WITH_WORKER = """
import subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"],
                          start_new_session=True)
print(worker.pid, flush=True)
time.sleep(60)
"""


def never_answers() -> None:
    raise httpx.ConnectError("refused")


def test_pss_is_read_in_bytes() -> None:
    assert parse_rollup(ROLLUP, "Pss") == 274 * 1024
    assert parse_rollup(ROLLUP, "Pss_Anon") == 112 * 1024


def test_pss_grows_by_the_pages_that_a_process_touches() -> None:
    me = Process.read(os.getpid())
    before = me.pss_bytes()
    with mmap.mmap(-1, 32 * 2**20) as pages:
        pages.write(b"x" * len(pages))
        assert me.pss_bytes() - before > 30 * 2**20


def test_a_process_that_ended_is_not_alive_and_has_no_memory() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    process = Process.read(child.pid)
    child.wait()
    assert not process.alive()
    assert process.pss_bytes() == 0


def test_a_server_is_stopped_with_the_workers_that_left_its_group(tmp_path: Path) -> None:
    log = tmp_path / "log"

    def probe() -> None:
        if not log.read_text().endswith("\n"):
            never_answers()

    command = [sys.executable, "-c", textwrap.dedent(WITH_WORKER)]
    with running_server(command, probe, log=log) as server:
        worker = Process.read(int(log.read_text()))
        members = server.family()
        assert worker.pid in {member.pid for member in members}
        assert server.pss_bytes() > worker.pss_bytes() > 0
    assert not any(member.alive() for member in members)


def test_a_server_that_ends_before_it_answers_is_an_error_with_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such model')"]
    with (
        pytest.raises(ServerFailed, match="ended with status 1: no such model"),
        running_server(command, never_answers, log=tmp_path / "log"),
    ):
        pass


def test_a_server_that_never_answers_is_an_error_in_bounded_time(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with (
        pytest.raises(ServerFailed, match="no good answer in time"),
        running_server(command, never_answers, log=tmp_path / "log", timeout=0.2),
    ):
        pass
