"""The open files of a checkpoint: one, or several of one folder."""

from pathlib import Path

from stateserve.checkpoint.readers.distributed import METADATA, read_distributed
from stateserve.checkpoint.readers.formats import DISTRIBUTED, Content, read_content
from stateserve.checkpoint.sources import File
from stateserve.errors import UnreadableCheckpoint

# Each takes a descriptor, of which a process has about a thousand.
MAX_FILES = 500


class OpenFiles:
    """Opens files of `folder` by name, each once."""

    def __init__(self, folder: Path, *, follow: bool) -> None:
        self._folder, self._follow = folder, follow
        self.opened: dict[str, File] = {}

    def open(self, name: str) -> File:
        """Raises UnreadableCheckpoint, also for a name that leads out of the folder."""
        if name not in self.opened:
            if not name or Path(name).name != name or "\0" in name:
                raise UnreadableCheckpoint(f"{name!r:.200} is not a file of the same folder")
            if self.opened and not self._follow:
                raise UnreadableCheckpoint("a checkpoint in several files, which is not served")
            if len(self.opened) == MAX_FILES:
                raise UnreadableCheckpoint(f"more than {MAX_FILES} files")
            self.opened[name] = File(self._folder / name, follow=self._follow)
        return self.opened[name]

    def read(self, file: File) -> Content:
        """The content of `file` and of the files that it names. Raises CheckpointError."""
        if file.path.name == METADATA:
            return Content(DISTRIBUTED, read_distributed(file, self.open))
        return read_content(file, self.open)
