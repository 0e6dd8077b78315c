"""The folder that worker processes share: metrics, locks, and the plans of each model."""

import logging
import os
import tempfile
from pathlib import Path

from app.errors import WorkerError

logger = logging.getLogger("app.workers")
# In memory, and writable even if the root file system is read-only.
SHARED_MEMORY = "/dev/shm"  # noqa: S108
PREFIX = "stateserve-workers-"
# For each worker and the supervisor: the metrics of a hundred models.
MIB_EACH = 1


def make_shared_folder(workers: int) -> "tempfile.TemporaryDirectory[str]":
    """Make a folder with enough free space: in memory, else among the temporary files.

    Raises WorkerError if neither has enough space.
    """
    size = (workers + 1) * MIB_EACH
    reasons: list[str] = []
    # None stands for TMPDIR.
    for parent in (SHARED_MEMORY, None):
        try:
            folder = tempfile.TemporaryDirectory(prefix=PREFIX, dir=parent)
        except OSError as error:
            reasons.append(f"{parent or 'TMPDIR'}: {error.strerror}")
            continue
        try:
            _require_room(folder.name, size * 2**20)
        except OSError as error:
            reasons.append(f"{Path(folder.name).parent}: {error.strerror}")
            folder.cleanup()
            continue
        if reasons:
            logger.warning("workers share files in %s: %s", folder.name, reasons[0])
        return folder
    raise WorkerError(
        f"{workers} workers need {size} MiB of shared memory: {'; '.join(reasons)}. Give /dev/shm "
        "as much (docker run --shm-size), or TMPDIR a folder that has it"
    )


def _require_room(folder: str, size: int) -> None:
    with tempfile.TemporaryFile(dir=folder) as file:
        os.posix_fallocate(file.fileno(), 0, size)
