"""Lines of the log on their way to standard error, for which nobody waits."""

import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress

# What may wait for a reader that stands still.
MAX_WAITING_BYTES = 4 * 2**20
# Of the thread, after it wakes: what is logged meanwhile is written in the same turn.
MOMENT_SECONDS = 0.01
FLUSH_SECONDS = 1.0
# Makes the line that says how many were dropped.
Report = Callable[[int], bytes]


class LineWriter:
    """Writes from a thread of its own, in order; what is too much is dropped and counted.

    Before `start` there is no thread, for a process with one is not to be forked. What would
    block is then left for later.
    """

    def __init__(
        self, descriptor: int, report: Report, max_waiting_bytes: int = MAX_WAITING_BYTES
    ) -> None:
        self._descriptor = descriptor
        self._report = report
        self._max_waiting_bytes = max_waiting_bytes
        # Told of lines as they are dropped.
        self.count: Callable[[int], None] = _nothing
        self.begin_anew()

    def begin_anew(self) -> None:
        """In a process just forked: what waits is its parent's to write."""
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
        self._thread = threading.Thread(target=self._write_on, name="log", daemon=True)
        self._thread.start()
        self._awake.set()

    def put(self, lines: bytes) -> None:
        """Have whole lines written, unless too much waits."""
        if self._thread is None:
            # Else there would never be room again.
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
        """Wait until all is written, but not long for a reader that stands still."""
        deadline = time.monotonic() + FLUSH_SECONDS
        while self._waiting and time.monotonic() < deadline:
            if self._thread is None:
                self.write_what_fits()
            _pause(MOMENT_SECONDS / 10)

    def _write_on(self) -> None:
        while self._awake.wait():
            _pause(MOMENT_SECONDS)
            self._awake.clear()
            # It is the only one: without memory it tries again.
            with suppress(MemoryError):
                self._write_all()

    def _write_all(self) -> None:
        while self._waiting and self._write_next():
            with self._lock:
                if not self._waiting:
                    self._say_what_was_dropped()

    def _write_next(self) -> bool:
        """Write at most what a pipe takes whole, be it full; returns whether to go on at once.

        Of more, another worker's lines could end up in the middle.
        """
        with self._lock:
            piece = bytes(self._waiting[: select.PIPE_BUF])
        piece = piece[: piece.rfind(b"\n") + 1] or piece
        try:
            written = os.write(self._descriptor, piece)
        except BlockingIOError:
            # Whoever shares the pipe with us made it so.
            if self._thread is not None:
                select.select([], [self._descriptor], [])
            return self._thread is not None
        except OSError:
            # A disk that is full, a reader that is gone: none of it stops the service.
            with self._lock:
                del self._waiting[: len(piece)]
                self._drop(piece)
            return False
        with self._lock:
            del self._waiting[:written]
        return True

    def _has_room(self, more: int) -> bool:
        # Once full, half of it is to be written first: else each line would come with a report.
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
    # time.sleep fails where a library in the process fakes its clock.
    threading.Event().wait(seconds)
