"""Where a packed model goes: a folder of its own, or files beside a checkpoint."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from stateserve.checkpoint import CODECS, write_atomically
from stateserve.model.cards.card_location import card_path
from stateserve.model.loading.card_file import card_files
from stateserve.text import printable

STATE = "model.pth"


@dataclass(frozen=True)
class Place:
    """`folder` gets the files, among them the state `state`; `name` is that of the model.

    A `whole` folder has nothing but the model.
    """

    folder: Path
    state: str
    name: str
    whole: bool

    @classmethod
    def of(cls, output: Path) -> Self:
        """`models/digits/1` is a folder with model.pth, `models/digits.pth` the state itself."""
        if output.suffix in CODECS:
            return cls(output.parent, output.name, printable(output.stem), whole=False)
        numbered = output.name.isdecimal() and output.parent.name
        name = output.parent.name if numbered else output.resolve().name
        return cls(output, STATE, printable(name), whole=True)

    def write(self, files: Mapping[str, bytes], *, replace: bool) -> list[Path]:
        """Write all files or none, in so far as a file system can. Raises OSError or CardMismatch.

        With `replace`, the files of an older model with this state's name go.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise FileExistsError(17, "a file, where a folder belongs", str(self.folder))
        if self.whole and not self._has_files():
            self._write_folder(files)
            return [self.folder / name for name in files]
        present = [name for name, content in files.items() if self._differs(name, content)]
        if present and not replace:
            raise FileExistsError(17, "there already; --force replaces it", str(self.path(present)))
        old = {self.folder / name for name in card_files(card_path(self.folder / self.state))}
        new = {self.folder / name: content for name, content in files.items()}
        write_atomically(new)
        for path in old - new.keys():
            path.unlink(missing_ok=True)
            self._remove_empty_folders(path.parent)
        return list(new)

    def _remove_empty_folders(self, folder: Path) -> None:
        """Those of a package of code that is no longer there."""
        with suppress(OSError):
            while folder != self.folder:
                folder.rmdir()
                folder = folder.parent

    def path(self, names: list[str]) -> Path:
        return self.folder / sorted(names)[0]

    def _has_files(self) -> bool:
        return self.folder.is_dir() and any(self.folder.iterdir())

    def _differs(self, name: str, content: bytes) -> bool:
        path = self.folder / name
        return os.path.lexists(path) and not (path.is_file() and path.read_bytes() == content)

    def _write_folder(self, files: Mapping[str, bytes]) -> None:
        with staged(self.folder.parent, files) as folder:
            folder.chmod(0o755)
            # An empty folder of this name is replaced.
            folder.rename(self.folder)


@contextmanager
def staged(parent: Path, files: Mapping[str, bytes]) -> Iterator[Path]:
    """A temporary folder in `parent` with the files; it is removed unless it was renamed."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".stateserve-", dir=parent))
    try:
        write_atomically({folder / name: content for name, content in files.items()})
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
