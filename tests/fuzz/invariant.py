"""The invariant of all inputs: only expected errors, no executed code, little memory."""

import os
import sys
from collections.abc import Callable
from typing import Any

from stateserve.errors import CheckpointError
from tests.fuzz.targets import FOLDER, REFUSALS
from tests.memory import SPARE, peak_growth

# Actions that Python reports in advance; see "Audit events table" in its documentation.
CODE = (
    "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.remove", "os.rename", "os.mkdir",
    "subprocess.Popen", "socket.", "ctypes.", "pickle.find_class",
    "shutil.", "tempfile.",
)  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class BrokenInvariant(BaseException):
    """Not an Exception, because the code under test must not catch it."""


class _Watch:
    def __init__(self) -> None:
        self.on = False
        self.seen: list[str] = []
        # An audit hook cannot be removed.
        sys.addaudithook(self._look)

    def _look(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event.startswith(CODE) or (event == "open" and self._writes(*arguments)):
            self.seen.append(f"{event} {arguments!r:.200}")

    def _writes(self, path: object, _mode: object, flags: int) -> bool:
        return bool(flags & WRITING) and not str(path).startswith(str(FOLDER))


_watch = _Watch()


def require(target: Callable[[bytes], object], content: bytes) -> None:
    """Run `target`; raises BrokenInvariant, or an unexpected error of the target."""

    def run() -> None:
        _watch.on, _watch.seen = True, []
        try:
            target(content)
        except REFUSALS as error:
            # The faults of a request are answered as JSON, which escapes line breaks.
            if isinstance(error, CheckpointError) and len(str(error).splitlines()) > 1:
                raise BrokenInvariant(f"more than a line: {error}") from error
        finally:
            _watch.on = False

    grown = peak_growth(run)
    if _watch.seen:
        raise BrokenInvariant(f"it ran code: {_watch.seen}")
    if grown > 4 * len(content) + SPARE:
        raise BrokenInvariant(f"{grown} bytes of memory for {len(content)} of input")
