"""Read a regular file whole; refuse links out of its folder, FIFOs and files that change."""

import os
import stat
from pathlib import Path

from stateserve.errors import UnreadableCheckpoint


def read_regular_file(path: Path, limit: int | None = None) -> bytes:
    """Read a file once, through one descriptor, so that all checks see the same file.

    Raises UnreadableCheckpoint if the file is missing, unreadable, not a regular file, longer
    than `limit` bytes, changes its length meanwhile, or is a link out of its own folder.
    """
    real = Path(os.path.realpath(path))
    if path.is_symlink() and not real.is_relative_to(os.path.realpath(path.parent)):
        raise UnreadableCheckpoint(f"{path}: a symbolic link out of {path.parent}")
    try:
        # O_NOFOLLOW refuses a link that replaces the file meanwhile, and links in a circle.
        # O_NONBLOCK: opening a FIFO must not wait for its writer.
        with open(os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UnreadableCheckpoint(f"{path}: not a regular file")
            if limit is not None and status.st_size > limit:
                raise UnreadableCheckpoint(f"{path}: {status.st_size} bytes; at most {limit} do")
            # Not to the end: a file that is appended to may never reach it.
            content = file.read(status.st_size + 1)
    except OSError as error:
        raise UnreadableCheckpoint(f"{path}: {error.strerror or error}") from None
    except MemoryError:
        raise UnreadableCheckpoint(f"{path}: larger than the memory") from None
    if len(content) != status.st_size:
        raise UnreadableCheckpoint(f"{path}: changed while it was read")
    return content
