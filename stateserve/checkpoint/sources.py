"""Bytes that are read in parts: a file, a part of it, or bytes in memory."""

import io
import os
import stat
import weakref
from pathlib import Path
from typing import Protocol

from stateserve.errors import UnreadableCheckpoint

# Linux reads at most 2 GiB at a time.
PORTION_BYTES = 2**28


class Source(Protocol):
    """`size` bytes. `read_into` fills `target` with the bytes from `start` on, or raises
    UnreadableCheckpoint."""

    @property
    def size(self) -> int: ...

    def read_into(self, start: int, target: memoryview) -> None: ...


def read(source: Source, start: int, length: int) -> bytes:
    """Raises UnreadableCheckpoint if the range is not within the source."""
    require_within(source, start, length)
    content = bytearray(length)
    source.read_into(start, memoryview(content))
    return bytes(content)


def require_within(source: Source, start: int, length: int) -> None:
    # Before memory is allocated for it.
    if start < 0 or length < 0 or start + length > source.size:
        raise UnreadableCheckpoint(
            f"cut short, or damaged: bytes {start} to {start + length} of {source.size}"
        )


class File:
    """An open regular file: the same file, whatever is renamed to its path meanwhile.

    It is closed when nothing refers to it. Raises UnreadableCheckpoint if the file is missing,
    unreadable, not a regular file or, unless `follow`, a link out of its own folder.
    """

    def __init__(self, path: Path, *, follow: bool = False) -> None:
        self.path = path
        self._descriptor = open_regular_file(path, follow=follow)
        weakref.finalize(self, os.close, self._descriptor)
        self._stamp = self._stat()
        self.size = self._stamp[0]

    def read_into(self, start: int, target: memoryview) -> None:
        require_within(self, start, len(target))
        while target:
            count = os.preadv(self._descriptor, [target[:PORTION_BYTES]], start)
            if count == 0:
                raise UnreadableCheckpoint("changed while it was read")
            start, target = start + count, target[count:]

    def require_unchanged(self) -> None:
        """Raise UnreadableCheckpoint if the file was written to since it was opened."""
        if self._stat() != self._stamp:
            raise UnreadableCheckpoint("changed while it was read")

    def _stat(self) -> tuple[int, int]:
        status = os.fstat(self._descriptor)
        return status.st_size, status.st_mtime_ns


class Part:
    """The `size` bytes of `source` from `start` on."""

    def __init__(self, source: Source, start: int, size: int) -> None:
        require_within(source, start, size)
        self._source, self._start, self.size = source, start, size

    def read_into(self, start: int, target: memoryview) -> None:
        require_within(self, start, len(target))
        self._source.read_into(self._start + start, target)


class Memory:
    def __init__(self, content: bytes | memoryview) -> None:
        self._content, self.size = memoryview(content), len(content)

    def read_into(self, start: int, target: memoryview) -> None:
        require_within(self, start, len(target))
        target[:] = self._content[start : start + len(target)]


class SourceStream(io.BufferedReader):
    """A file object that reads a source."""

    def __init__(self, source: Source, start: int = 0) -> None:
        super().__init__(_Raw(source, start), 2**16)


class _Raw(io.RawIOBase):
    def __init__(self, source: Source, at: int) -> None:
        self._source, self._at = source, at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, target: memoryview) -> int:  # type: ignore[override]
        count = max(0, min(len(target), self._source.size - self._at))
        self._source.read_into(self._at, memoryview(target)[:count])
        self._at += count
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._source.size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at


def open_regular_file(path: Path, *, follow: bool = False) -> int:
    """A descriptor of the file. Raises UnreadableCheckpoint, as File does."""
    real = Path(os.path.realpath(path))
    if not follow and path.is_symlink() and not real.is_relative_to(os.path.realpath(path.parent)):
        raise UnreadableCheckpoint(f"{path}: a symbolic link out of {path.parent}")
    try:
        # O_NOFOLLOW refuses a link that replaces the file meanwhile, and links in a circle.
        # O_NONBLOCK: opening a FIFO must not wait for its writer.
        descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise UnreadableCheckpoint(f"{path}: {error.strerror or error}") from None
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    reason = "Is a directory" if stat.S_ISDIR(mode) else "not a regular file"
    raise UnreadableCheckpoint(f"{path}: {reason}")
