"""Work in the background: in another thread, behind all others."""

import os
import sys
import threading

import pytest

from app.background import LOWEST_PRIORITY, in_background


def priority() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_only_the_background_thread_yields() -> None:
    before = priority()
    assert in_background(priority).result(10) == LOWEST_PRIORITY
    assert priority() == before


def test_the_thread_ends_with_its_work() -> None:
    thread = in_background(threading.current_thread).result(10)
    assert thread is not threading.current_thread()
    thread.join(10)
    assert not thread.is_alive()


def test_an_error_reaches_whoever_waits() -> None:
    with pytest.raises(ZeroDivisionError):
        in_background(lambda: 1 // 0).result(10)
