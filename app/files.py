"""Read a file whole, whatever someone has put in its place."""

import os
import stat
from pathlib import Path

from app.errors import UnreadableCheckpoint


def read_regular_file(path: Path, limit: int | None = None) -> bytes:
    """Read a file once, through one descriptor, so that no check sees another file.

    Raises UnreadableCheckpoint for what is missing, unreadable, not a regular file or of more
    than `limit` bytes, and for a link that leads out of the file's own folder.
    """
    if path.is_symlink() and not path.resolve().is_relative_to(path.parent.resolve()):
        raise UnreadableCheckpoint(f"{path}: a symbolic link out of {path.parent}")
    try:
        # O_NONBLOCK: opening a FIFO must not wait for its writer.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UnreadableCheckpoint(f"{path}: not a regular file")
            if limit is not None and status.st_size > limit:
                raise UnreadableCheckpoint(f"{path}: {status.st_size} bytes; at most {limit} do")
            return file.read()
    except OSError as error:
        raise UnreadableCheckpoint(f"{path}: {error.strerror or error}") from None
    except MemoryError:
        raise UnreadableCheckpoint(f"{path}: larger than the memory") from None
