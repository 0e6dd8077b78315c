"""Long computations that nobody's prediction should wait for."""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")
# It leaves the thread a tenth of a core that others keep busy (benchmarks/state.py). With 5
# the slowest hundredth of short requests still took several times as long as alone; with 19
# such a core gave the thread nothing, nor whoever waited for a lock that it held.
NICENESS = 10
LOWEST_PRIORITY = 19


def in_background(compute: Callable[[], Result]) -> Future[Result]:
    """Start `compute` in a thread of its own, which gives way to all others."""
    thread = ThreadPoolExecutor(1, "background", initializer=_give_way)
    future = thread.submit(compute)
    # Ends the thread after this one call; a thread of a pool could not be hurried up again.
    thread.shutdown(wait=False)
    return future


def _give_way() -> None:
    # Elsewhere a priority belongs to the whole process.
    if sys.platform == "linux":
        thread = threading.get_native_id()
        priority = os.getpriority(os.PRIO_PROCESS, thread) + NICENESS
        os.setpriority(os.PRIO_PROCESS, thread, min(priority, LOWEST_PRIORITY))
