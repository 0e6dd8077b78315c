"""Background work: in another thread, at the lowest priority."""

import os
import subprocess
import sys
import threading

import pytest

from stateserve.model.background import NICENESS, in_background
from tests.process import HANG_SECONDS
from tests.project import ROOT


def priority() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_only_the_background_thread_gives_way() -> None:
    before = priority()
    assert in_background(priority).result(HANG_SECONDS) == before + NICENESS
    assert priority() == before


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_a_process_that_gives_way_already_cannot_do_so_without_end() -> None:
    code = (
        "from stateserve.model.background import in_background\n"
        f"print(in_background(lambda: 1).result({HANG_SECONDS}))"
    )
    command = ["nice", "-n", "19", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "1\n"


def test_the_thread_ends_with_its_work() -> None:
    thread = in_background(threading.current_thread).result(HANG_SECONDS)
    assert thread is not threading.current_thread()
    thread.join(HANG_SECONDS)
    assert not thread.is_alive()


def test_an_error_reaches_whoever_waits() -> None:
    with pytest.raises(ZeroDivisionError):
        in_background(lambda: 1 // 0).result(HANG_SECONDS)
