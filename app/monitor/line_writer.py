"""Writes log lines to standard error without blocking the caller."""

import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress

# The most bytes that wait while the reader does not read.
MAX_WAITING_BYTES = 4 * 2**20
# The thread waits so long after it wakes, to write several lines in one call.
MOMENT_SECONDS = 0.01
FLUSH_SECONDS = 1.0
# Makes the line that reports the number of dropped lines.
Report = Callable[[int], bytes]


class LineWriter:
    """Writes lines in order from a thread; drops and counts lines beyond the limit.

    Before `start` there is no thread, because a process with threads should not be forked. Lines
    whose write would block then wait for a later call.
    """

    def __init__(
        self, descriptor: int, report: Report, max_waiting_bytes: int = MAX_WAITING_BYTES
    ) -> None:
        self._descriptor = descriptor
        self._report = report
        self._max_waiting_bytes = max_waiting_bytes
        # Called with the number of lines dropped.
        self.count: Callable[[int], None] = _nothing
        self.begin_anew()

    def begin_anew(self) -> None:
        """Reset a forked process: its parent writes the waiting lines."""
        self._lock = threading.RLock()
        self._waiting = bytearray()
        self._dropped = 0
        self._dropping = False
        self._thread: threading.Thread | None = None
        self._awake = threading.Event()

    def start(self) -> None:
        """Write from a thread from now on."""
        if self._thread is not None:
            return
        thread = threading.Thread(target=self._write_on, name="log", daemon=True)
        # Without a thread, where none can be started, the lines are written as before.
        thread.start()
        self._thread = thread
        self._awake.set()

    def put(self, lines: bytes) -> None:
        """Queue whole lines, or drop them if too many bytes wait."""
        if self._thread is None:
            # Without a thread only this call makes room.
            self.write_what_fits()
        with self._lock:
            if not self._has_room(len(lines)):
                self._drop(lines)
                return
            try:
                self._say_what_was_dropped()
                self._waiting += lines
            except MemoryError:
                self._drop(lines)
        if self._thread is None:
            self.write_what_fits()
        elif not self._awake.is_set():
            self._awake.set()

    def write_what_fits(self) -> None:
        """Write without a thread, and without waiting for the reader."""
        ready = select.poll()
        ready.register(self._descriptor, select.POLLOUT)
        while self._waiting and ready.poll(0):
            if not self._write_next():
                break

    def flush(self) -> None:
        """Wait until all is written, for at most FLUSH_SECONDS."""
        deadline = time.monotonic() + FLUSH_SECONDS
        while self._waiting and time.monotonic() < deadline:
            if self._thread is None:
                self.write_what_fits()
            _pause(MOMENT_SECONDS / 10)

    def _write_on(self) -> None:
        while self._awake.wait():
            _pause(MOMENT_SECONDS)
            self._awake.clear()
            # The only writer must not end: after a lack of memory it tries again.
            with suppress(MemoryError):
                self._write_all()

    def _write_all(self) -> None:
        while self._waiting and self._write_next():
            with self._lock:
                if not self._waiting:
                    self._say_what_was_dropped()

    def _write_next(self) -> bool:
        """Write at most PIPE_BUF bytes, whole lines; returns whether to continue at once.

        A longer write is not atomic: another worker's lines could be written in the middle.
        """
        with self._lock:
            piece = bytes(self._waiting[: select.PIPE_BUF])
        piece = piece[: piece.rfind(b"\n") + 1] or piece
        try:
            written = os.write(self._descriptor, piece)
        except BlockingIOError:
            # Another process that shares the pipe has made it non-blocking.
            if self._thread is not None:
                select.select([], [self._descriptor], [])
            return self._thread is not None
        except OSError:
            # A full disk or a closed pipe must not stop the service.
            with self._lock:
                del self._waiting[: len(piece)]
                self._drop(piece)
            return False
        with self._lock:
            del self._waiting[:written]
        return True

    def _has_room(self, more: int) -> bool:
        # Once full, half must be written first: otherwise each line would follow a report.
        limit = self._max_waiting_bytes // (2 if self._dropping else 1)
        return len(self._waiting) + more <= limit

    def _drop(self, lines: bytes) -> None:
        self._dropping = True
        number = lines.count(b"\n")
        self._dropped += number
        self.count(number)

    def _say_what_was_dropped(self) -> None:
        if self._dropping:
            self._dropping = False
            self._waiting += self._report(self._dropped)


def _nothing(lines: int) -> None:
    pass


def _pause(seconds: float) -> None:
    # time.sleep fails if a library in the process replaces the clock.
    threading.Event().wait(seconds)
