"""The files that a model's code may import: those of folders, or those of a record alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stateserve.checkpoint import read_regular_file
from stateserve.errors import CodeFailed, UnreadableCheckpoint
from stateserve.model.architectures.code_folders import is_own

MAX_BYTES = 2**23


@dataclass(frozen=True)
class SourceFiles:
    """Modules are looked for in `folders`, in their order, or only in `content`.

    `source` is run in place of what `file` holds.
    """

    file: Path
    folders: Sequence[Path]
    content: Mapping[Path, bytes] | None
    source: bytes | None

    @property
    def top(self) -> Path:
        """The folder that the names of modules begin at: above those with __init__.py."""
        top = self.file.parent
        while self._exists(top / "__init__.py") and top != top.parent:
            top = top.parent
        return top

    def read(self, path: Path) -> bytes:
        """Raises CodeFailed."""
        if path == self.file and self.source is not None:
            return self.source
        return read_source(path) if self.content is None else self.content[path]

    def has(self, name: str, fromlist: Sequence[str]) -> bool:
        """Whether a folder has the module. A folder without `__init__.py`, such as one of data,
        counts only for the files in it."""
        names = [name, *(f"{name}.{each}" for each in fromlist)]
        return any(
            self.file_of(folder.joinpath(*each.split(".")))
            for folder in self.folders
            for each in names
        )

    def file_of(self, module: Path) -> Path | None:
        """The file of a module or package, from its path without an ending."""
        if is_own(module):
            return None
        for file in (module / "__init__.py", module.with_name(f"{module.name}.py")):
            if self._exists(file):
                return file
        return None

    def is_folder(self, path: Path) -> bool:
        if is_own(path):
            return False
        if self.content is None:
            return path.is_dir()
        return any(path in each.parents for each in self.content)

    def _exists(self, path: Path) -> bool:
        return path.is_file() if self.content is None else path in self.content


def read_source(path: Path) -> bytes:
    """Raises CodeFailed."""
    try:
        return read_regular_file(path, MAX_BYTES)
    except UnreadableCheckpoint as error:
        raise CodeFailed(str(error)) from None
