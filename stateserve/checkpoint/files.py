"""Read a regular file whole; refuse links out of its folder, FIFOs and files that change."""

import os
from pathlib import Path

from stateserve.checkpoint.sources import open_regular_file
from stateserve.errors import UnreadableCheckpoint


def read_regular_file(path: Path, limit: int | None = None) -> bytes:
    """Read a file once, through one descriptor, so that all checks see the same file.

    Raises UnreadableCheckpoint if the file is missing, unreadable, not a regular file, longer
    than `limit` bytes, changes its length meanwhile, or is a link out of its own folder.
    """
    try:
        with open(open_regular_file(path), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if limit is not None and size > limit:
                raise UnreadableCheckpoint(f"{path}: {size} bytes; at most {limit} do")
            # Not to the end: a file that is appended to may never reach it.
            content = file.read(size + 1)
    except OSError as error:
        raise UnreadableCheckpoint(f"{path}: {error.strerror or error}") from None
    except MemoryError:
        raise UnreadableCheckpoint(f"{path}: larger than the memory") from None
    if len(content) != size:
        raise UnreadableCheckpoint(f"{path}: changed while it was read")
    return content
