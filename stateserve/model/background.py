"""Run long computations in a thread of low priority, so that predictions do not wait for them."""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")
# With 10, the thread gets a tenth of a busy core (benchmarks/state.py). With 5, the p99 of short
# requests was still several times that without the thread; with 19, the thread got nothing of a
# busy core, and neither did threads that waited for a lock that it held.
NICENESS = 10
LOWEST_PRIORITY = 19


def in_background(compute: Callable[[], Result]) -> Future[Result]:
    """Start `compute` in a thread of its own, with a lower priority than all others."""
    thread = ThreadPoolExecutor(1, "background", initializer=_give_way)
    future = thread.submit(compute)
    # The thread ends after this call: a process without rights cannot raise a priority again.
    thread.shutdown(wait=False)
    return future


def _give_way() -> None:
    # On other systems the priority is that of the whole process.
    if sys.platform == "linux":
        thread = threading.get_native_id()
        priority = os.getpriority(os.PRIO_PROCESS, thread) + NICENESS
        os.setpriority(os.PRIO_PROCESS, thread, min(priority, LOWEST_PRIORITY))
