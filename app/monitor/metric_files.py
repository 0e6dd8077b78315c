"""The files in which processes share their counts, with all of their memory allocated beforehand.

prometheus_client makes them longer and writes into them by mmap. Where the file system is full by
then, the kernel ends the process with SIGBUS.
"""

import logging
import mmap
import os
from pathlib import Path
from typing import Any

from prometheus_client.mmap_dict import MmapedDict

logger = logging.getLogger("app.metrics")
# prometheus_client's own.
INITIAL_BYTES = 2**16
# Of an entry beside its key: its length, the padding, a value and a time.
ENTRY_BYTES = 32
# At the end of the file, beyond all entries: a value and a time that nobody reads.
SCRATCH_BYTES = 16


class AllocatedDict(MmapedDict):
    """Where there is no more room, keys that are new are counted in nobody's sum."""

    # What prometheus_client does not declare.
    _f: Any
    _m: mmap.mmap
    _used: int
    _capacity: int
    _positions: dict[str, int]
    _full = False

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        try:
            _allocate(Path(filename))
        except OSError as error:
            self._tell(filename, error)
            self._f, self._m = None, mmap.mmap(-1, SCRATCH_BYTES)
            self._used = self._capacity = SCRATCH_BYTES
            self._positions = {}
        else:
            super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        most = self._used + len(key.encode()) + ENTRY_BYTES + SCRATCH_BYTES
        while most > self._capacity and not self._full:
            self._grow()
        if most > self._capacity:
            self._positions[key] = self._capacity - SCRATCH_BYTES
        else:
            super()._init_value(key)  # type: ignore[no-untyped-call]

    def _grow(self) -> None:
        capacity = 2 * self._capacity
        try:
            os.posix_fallocate(self._f.fileno(), 0, capacity)
        except OSError as error:
            self._tell(self._f.name, error)
        else:
            self._m = mmap.mmap(self._f.fileno(), capacity)
            self._capacity = capacity

    def _tell(self, filename: str, error: OSError) -> None:
        self._full = True
        logger.error("labels that are new are not counted: %s: %s", filename, error.strerror)


def _allocate(path: Path) -> None:
    """All of its bytes; it appears with them, for whoever reads an empty one fails."""
    if path.exists():
        return
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, INITIAL_BYTES)
        except OSError:
            new.unlink()
            raise
    new.rename(path)
