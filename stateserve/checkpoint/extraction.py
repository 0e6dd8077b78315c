"""Write entries of a zip archive as files, within the limits of ZipArchive."""

from collections.abc import Callable
from pathlib import Path

from stateserve.checkpoint.readers.zip_archive import ZipArchive
from stateserve.checkpoint.sources import File
from stateserve.checkpoint.storage import Storage
from stateserve.errors import UnreadableCheckpoint

PORTION_BYTES = 2**20


def unzip(path: Path, folder: Path, wanted: Callable[[str], bool]) -> None:
    """Write the entries of `path` whose names are `wanted` into the folder, checksums verified.

    Raises OSError, or UnreadableCheckpoint for a damaged archive, one that inflates to far more
    bytes than it has, and a name that leads out of the folder.
    """
    archive = ZipArchive(File(path, follow=True))
    for name in filter(wanted, archive.entries):
        target = Path(folder, name)
        if not target.resolve().is_relative_to(folder.resolve()):
            raise UnreadableCheckpoint(f"the entry {name!r:.100} leads out of its folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        content = Storage(archive.inflated(name), crc=archive.crc(name))
        with target.open("wb") as file:
            for start in range(0, content.nbytes, PORTION_BYTES):
                portion = bytearray(min(PORTION_BYTES, content.nbytes - start))
                content.read_into(start, memoryview(portion))
                file.write(portion)
