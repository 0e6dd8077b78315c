"""Prepares the standard streams and signal handlers of a server process."""

import atexit
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGINT)
# Each would end the process by default. Once the server runs, it reloads on SIGHUP.
IGNORED = (signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE)
STDERR = 2


def open_standard_streams() -> None:
    """Open /dev/null for each closed standard stream: a later file would take its descriptor.

    Results cannot be written to it, as nowhere else, and so are not lost silently.
    """
    for number in range(STDERR + 1):
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):
                os.open(os.devnull, os.O_WRONLY if number == STDERR else os.O_RDONLY)
                os.set_inheritable(number, True)
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            mode = "w" if descriptor else "r"
            setattr(sys, name, os.fdopen(descriptor, mode, closefd=False))


def end_on_signals(clean_up: Callable[[], None] = lambda: None) -> None:
    """Make SIGTERM and SIGINT end the process at once, with status 0, after `clean_up`.

    They raise no exception: libraries catch exceptions, and C callbacks lose them.
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
    """At exit Python restores default handlers, and a signal would end it with another status."""
    for number in ENDING:
        if isinstance(signal.getsignal(number), partial):
            signal.signal(number, signal.SIG_IGN)
