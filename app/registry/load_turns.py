"""Lets one worker process load at a time, to bound memory, and frees memory after a load."""

import ctypes
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


def return_free_memory() -> None:
    """Return freed memory to the system: glibc keeps up to 64 MiB after a load."""
    # Other C libraries have no such function, and keep less.
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


def keep_from_collector() -> None:
    """Exclude the loaded objects, which stay, from all later garbage collections.

    A collection visits every object and blocks the interpreter: 0.4 s with a thousand versions.
    """
    gc.collect()
    gc.freeze()
