"""Write files atomically: a reader finds the old content or the new, never a part."""

import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write_atomically(
    files: Mapping[Path, bytes | Iterable[bytes | memoryview]],
    confirm: Callable[[], object] = lambda: None,
) -> None:
    """Write each file to a temporary file in its folder, fsync all, then rename all in order.

    A content may be an iterable of its parts. `confirm` is called before the first rename. An
    error until then (disk full, fsync, of a content or of `confirm`) leaves the old files whole
    and no temporary file behind. Raises OSError, which names a file of `files`, or another that a
    content was read from.
    """
    staged: list[tuple[Path, Path]] = []
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            with errors_of(path):
                # Not mkstemp, whose files no other user reads, whatever the umask says.
                file = temporary.open("xb")
            staged.append((temporary, path))
            _write(file, path, (content,) if isinstance(content, bytes) else content)
        confirm()
        for temporary, path in staged:
            with errors_of(path):
                os.replace(temporary, path)
    finally:
        for temporary, _ in staged:
            temporary.unlink(missing_ok=True)
    for folder in {path.parent for path in files}:
        _sync_folder(folder)


@contextmanager
def errors_of(path: Path) -> Iterator[None]:
    """An OSError names `path`, not the temporary file, which nobody asked for."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def _write(file: BinaryIO, path: Path, parts: Iterable[bytes | memoryview]) -> None:
    try:
        with file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
