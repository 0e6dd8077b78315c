"""Where a packed model goes: a folder of its own, or files beside a checkpoint."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from stateserve.checkpoint import CODECS, errors_of, write_atomically
from stateserve.errors import CardMismatch
from stateserve.model.architectures.user_class import ONNX_SUFFIX, PROGRAM_SUFFIX
from stateserve.model.cards.card_location import card_path
from stateserve.model.loading.card_file import card_files
from stateserve.text import printable

STATE = "model.pth"
# Of files in which no state is served, or that stand beside it.
OTHER_FILES = {".pt", ".ckpt", ".bin", ".pkl", ".npz", ".json", ".mar", PROGRAM_SUFFIX, ONNX_SUFFIX}


def is_state_file(output: Path) -> bool:
    """Whether the place of a model is its state, `models/digits.pth`, and not a folder.

    Raises CardMismatch for the name of another file.
    """
    if output.suffix in CODECS:
        return True
    if output.suffix.lower() in OTHER_FILES | CODECS.keys() and not output.is_dir():
        known = ", ".join(CODECS)
        raise CardMismatch(f"{output}: states are served from {known}; name one, or a folder")
    return False


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
        """`models/digits/1` is a folder with model.pth, `models/digits.pth` the state itself.

        Raises CardMismatch for the name of another file.
        """
        if is_state_file(output):
            return cls(output.parent, output.name, printable(output.stem), whole=False)
        numbered = output.name.isdecimal() and output.parent.name
        name = output.parent.name if numbered else output.resolve().name
        return cls(output, STATE, printable(name), whole=True)

    @property
    def parent(self) -> Path:
        """The folder that must take new files."""
        return self.folder.parent if self.whole else self.folder

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
        with staged(self.parent, files) as folder:
            folder.chmod(0o755)
            # An empty folder of this name is replaced.
            with errors_of(self.folder):
                folder.rename(self.folder)


@contextmanager
def staged(parent: Path, files: Mapping[str, bytes]) -> Iterator[Path]:
    """A temporary folder in `parent` with the files; it is removed unless it was renamed.

    Raises OSError, which names `parent`.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with errors_of(parent):
        folder = Path(tempfile.mkdtemp(prefix=".stateserve-", dir=parent))
    try:
        with errors_of(parent):
            write_atomically({folder / name: content for name, content in files.items()})
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
