"""Files of given bytes, archives and folders of given names, and files that are cut short."""

import zipfile
from pathlib import Path

from tests.corpus.case import Write


def content(written: bytes) -> Write:
    return lambda path: path.write_bytes(written)


def archive(*names: str) -> Write:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as target:
            for name in names:
                target.writestr(name, b"content")

    return write


def folder(*names: str) -> Write:
    def write(path: Path) -> None:
        path.mkdir()
        for name in names:
            (path / name).mkdir() if name.endswith("/") else (path / name).touch()

    return write


def half(write: Write) -> Write:
    """The first half of a file, which another writer wrote."""

    def cut(path: Path) -> None:
        write(path)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])

    return cut
