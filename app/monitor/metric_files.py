"""The files in which processes share their metrics, with disk space allocated in advance.

prometheus_client extends them and writes by mmap. If the file system is full by then, the kernel
ends the process with SIGBUS.
"""

import logging
import mmap
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

logger = logging.getLogger("app.metrics")
# Where prometheus_client's multiprocess mode keeps its files; unset in a single process.
DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
# As in prometheus_client.
INITIAL_BYTES = 2**16
# An entry without its key: length, padding, value and timestamp.
ENTRY_BYTES = 32
# At the end of the file, after all entries: a value and a timestamp that are never read.
SCRATCH_BYTES = 16


class AllocatedDict(MmapedDict):
    """If no space is left, new keys are counted in the scratch bytes, so in no sum."""

    # prometheus_client does not declare these.
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
            self._report_full(filename, error)
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
            self._report_full(self._f.name, error)
        else:
            self._m = mmap.mmap(self._f.fileno(), capacity)
            self._capacity = capacity

    def _report_full(self, filename: str, error: OSError) -> None:
        self._full = True
        logger.error("labels that are new are not counted: %s: %s", filename, error.strerror)


def _allocate(path: Path) -> None:
    """Allocate all bytes, then rename: a reader of prometheus_client fails on an empty file."""
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


def share_counts(directory: str, process_name: Callable[[], str]) -> None:
    """Keep every later Metrics in files in `directory`, so that processes can be summed.

    `process_name` names the files of the calling process. A process with the name of a dead one
    continues its counts.
    """
    os.environ[DIRECTORY] = directory
    values.MmapedDict = AllocatedDict  # type: ignore[attr-defined]
    values.ValueClass = values.MultiProcessValue(process_name)  # type: ignore[no-untyped-call]
