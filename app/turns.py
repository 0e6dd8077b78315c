"""Loading in turns: of several worker processes one reads files at a time, so that memory holds."""

import ctypes
import fcntl
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
