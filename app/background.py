"""Long computations that nobody's prediction should wait for."""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")
LOWEST_PRIORITY = 19


def in_background(compute: Callable[[], Result]) -> Future[Result]:
    """Start `compute` in a thread of its own, which yields the processor to all others."""
    thread = ThreadPoolExecutor(1, "background", initializer=_yield_to_others)
    future = thread.submit(compute)
    # Ends the thread after this one call; a thread of a pool could not be hurried up again.
    thread.shutdown(wait=False)
    return future


def _yield_to_others() -> None:
    # Elsewhere a priority belongs to the whole process.
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST_PRIORITY)
