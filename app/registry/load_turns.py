"""Loading in turns: of several worker processes one reads files at a time, so that memory holds."""

import ctypes
import fcntl
import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

Turn = Callable[[], AbstractContextManager[None]]


@contextmanager
def take_turn(lock_file: Path) -> Iterator[None]:
    """Wait until no other process is in its turn; for a thread that may wait.

    The kernel ends the turn of a process that dies.
    """
    with lock_file.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def return_free_memory() -> None:
    """Give back to the system what glibc keeps, up to 64 MiB, of what a load has let go of."""
    # Other C libraries have no such function, and keep less.
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


def keep_from_collector() -> None:
    """Take what a load has left, which is there to stay, from all further garbage collections.

    One of them looks at every object and lets nobody else run: with a thousand versions loaded
    it took 0.4 s.
    """
    gc.collect()
    gc.freeze()
