"""The open files of a checkpoint: one, or several of one folder."""

from pathlib import Path

from stateserve.checkpoint.readers.distributed import METADATA, read_distributed
from stateserve.checkpoint.readers.formats import DISTRIBUTED, Content, read_content
from stateserve.checkpoint.sources import File
from stateserve.errors import SeveralFiles, UnreadableCheckpoint
from stateserve.text import printable

# Each takes a descriptor, of which a process has about a thousand.
MAX_FILES = 500

_SEVERAL = "a checkpoint in several files; into one, which is served: stateserve convert IN OUT"
_ONNX = (
    "an ONNX file with its weights in other files, which is not served: export the module with "
    "torch.export, or pack its class with the state from before the export to ONNX. For the "
    "tensors, of which such an export may leave out and rename some: stateserve convert IN OUT"
)


class OpenFiles:
    """Opens `path`, and files of its folder by the names that are in it, each once.

    Unless `follow`, no other file is opened, and no symbolic link out of the folder.
    """

    def __init__(self, path: Path, *, follow: bool) -> None:
        self._path, self._follow = path, follow
        self.opened = {path.name: File(path, follow=follow)}

    def open(self, name: str) -> File:
        """Raises UnreadableCheckpoint, also for a name that leads out of the folder."""
        if name not in self.opened:
            if not name or Path(name).name != name or printable(name) != name:
                raise UnreadableCheckpoint(f"{name!r:.200} is not a file of the same folder")
            if not self._follow:
                raise SeveralFiles(_ONNX if self._path.suffix.lower() == ".onnx" else _SEVERAL)
            if len(self.opened) == MAX_FILES:
                raise UnreadableCheckpoint(f"more than {MAX_FILES} files")
            self.opened[name] = File(self._path.parent / name, follow=True)
        return self.opened[name]

    def read(self) -> Content:
        """The content of the file and of those that it names. Raises CheckpointError."""
        file = self.opened[self._path.name]
        if self._path.name == METADATA:
            return Content(DISTRIBUTED, read_distributed(file, self.open))
        return read_content(file, self.open)
