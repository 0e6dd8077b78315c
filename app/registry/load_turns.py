"""Lets one worker process load at a time, to bound memory."""

import fcntl
import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

Turn = Callable[[], AbstractContextManager[None]]


@contextmanager
def take_turn(lock_file: Path) -> Iterator[None]:
    """Hold a lock that all processes share; blocks the calling thread.

    The kernel releases the lock of a process that dies.
    """
    with lock_file.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def keep_from_collector() -> None:
    """Exclude the loaded objects, which stay, from all later garbage collections.

    A collection visits every object and blocks the interpreter: 0.4 s with a thousand versions.
    """
    gc.collect()
    gc.freeze()
