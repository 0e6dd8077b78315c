"""What a process that serves needs before anything else: standard streams, and signals."""

import atexit
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGINT)
# Each would end the process by default. The server reloads on SIGHUP once there is one.
IGNORED = (signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE)
STDERR = 2


def open_standard_streams() -> None:
    """Open /dev/null for each that is closed: the next file or socket would take its number."""
    with suppress(OSError):
        while (opened := os.open(os.devnull, os.O_RDWR)) <= STDERR:
            os.set_inheritable(opened, True)
        os.close(opened)
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            mode = "w" if descriptor else "r"
            setattr(sys, name, os.fdopen(descriptor, mode, closefd=False))


def end_on_signals(clean_up: Callable[[], None] = lambda: None) -> None:
    """From now on SIGTERM and SIGINT end the process at once, with status 0.

    Not by an exception: libraries catch those, and one raised in a callback of C is lost.
    """
    for number in ENDING:
        signal.signal(number, partial(_end, clean_up))
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)


def _end(clean_up: Callable[[], None], _number: int, _frame: FrameType | None) -> None:
    try:
        clean_up()
    finally:
        os._exit(0)


@atexit.register
def _ignore_at_exit() -> None:
    """Python then restores the default of every signal with a handler, which is another status."""
    for number in ENDING:
        if isinstance(signal.getsignal(number), partial):
            signal.signal(number, signal.SIG_IGN)
